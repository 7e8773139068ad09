//! Bad input and bad days, through the public interface, against a broker in the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod brokers;
mod handlers;
mod health;
mod logs;
mod outages;
mod refusals;
mod secrets;
mod stopping;
mod strange_offsets;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;
mod world;
