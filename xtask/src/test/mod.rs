//! `cargo xtask test`: everything, in the order in which a mistake is cheapest to find, ended by one line with two numbers.

mod command;
pub(crate) mod node;
pub(crate) mod python;
mod report;
mod suite;

pub(crate) use command::{Options, run};
