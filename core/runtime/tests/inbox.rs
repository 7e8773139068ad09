//! One suite that every inbox passes (`tests/postgres.rs` runs it on Postgres), and what only the SQLite inbox promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "inbox/contract.rs"]
mod contract;
#[path = "inbox/effects.rs"]
mod effects;
#[path = "inbox/faults.rs"]
mod faults;
#[path = "inbox/files.rs"]
mod files;
#[path = "inbox/migrations.rs"]
mod migrations;
#[path = "inbox/rig.rs"]
#[allow(dead_code, reason = "each test binary uses its own part of it")]
mod rig;
#[path = "inbox/sharing.rs"]
mod sharing;
#[path = "inbox/stores.rs"]
mod stores;
#[path = "inbox/upkeep.rs"]
mod upkeep;
#[path = "inbox/versions.rs"]
mod versions;
