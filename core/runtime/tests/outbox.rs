//! Publishes through the outbox of an SQLite inbox, against a broker in the process and real kills.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "outbox/chain.rs"]
mod chain;
#[path = "outbox/kills.rs"]
mod kills;
#[path = "outbox/refused.rs"]
mod refused;
mod support;
#[path = "outbox/world.rs"]
mod world;
