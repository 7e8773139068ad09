//! One suite that every inbox passes, and what only the SQLite inbox promises.

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
mod rig;
#[path = "inbox/sharing.rs"]
mod sharing;
#[path = "inbox/upkeep.rs"]
mod upkeep;
#[path = "inbox/versions.rs"]
mod versions;
