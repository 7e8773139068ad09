//! A real Apache Kafka on loopback: one process, no container, no account.

mod certificates;
mod command;
mod instance;
mod jars;
mod settings;

pub(crate) use command::{Options, command};
pub(crate) use instance::{SECURE, SHARED, environment, start, stop, wipe};
pub(crate) use jars::{fetch, fetch_by};
