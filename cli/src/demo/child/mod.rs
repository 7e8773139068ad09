//! The consuming process: what a service built with Onceward looks like, plus a tally for the parent.

mod handler;
mod logs;
mod service;
mod tally;

pub(super) use handler::RECORDED;
pub(super) use service::main;
