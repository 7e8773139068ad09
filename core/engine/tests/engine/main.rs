//! The engine's decisions, each by a few facts and the orders that they must bring about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod chance;
mod cleaning;
mod credit;
mod disputes;
mod lanes;
mod ledger;
mod letters;
mod offsets;
mod outages;
mod partitions;
mod retries;
mod script;
mod starts;
mod suspects;
mod twins;
mod world;
