//! The Postgres inbox against a real server: what every store keeps to, effects, several members, and bad days.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "inbox/contract.rs"]
mod contract;
#[path = "postgres/effects.rs"]
mod effects;
#[path = "postgres/faults.rs"]
mod faults;
#[path = "postgres/looped.rs"]
mod looped;
#[path = "postgres/members.rs"]
mod members;
#[path = "postgres/open.rs"]
mod open;
#[path = "inbox/rig.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod rig;
#[path = "support/postgres.rs"]
mod server;
#[path = "postgres/stores.rs"]
mod stores;
#[allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of it")]
mod support;
#[path = "postgres/values.rs"]
mod values;
