//! The poll thread against librdkafka's mock cluster.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod broker;
mod faults;
mod flow;
mod group;
mod hostile;
mod identity;
mod support;
