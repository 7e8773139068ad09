//! Dead letters come back: held keys and replays, against a broker.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[path = "../support/mod.rs"]
mod support;

mod claimed;
mod gone;
mod held;
mod world;
