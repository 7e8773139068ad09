//! The rig: handlers without a broker, in simulated time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod basics;
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
#[path = "../support/mod.rs"]
mod broker;
mod crashes;
mod dry_runs;
mod failures;
mod mirror;
mod outages;
mod partitions;
mod patterns;
mod replays;
mod schemas;
mod support;
mod time;
