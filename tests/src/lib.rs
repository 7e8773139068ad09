//! What the tests of the whole share: data, a real Kafka, the history and its judge, the simulated world.
#![allow(missing_docs, reason = "test support; documented where a reader needs it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on should say so and stop")]

pub mod checker;
pub mod consumer_child;
pub mod history;
pub mod kafka;
pub mod ledger;
pub mod registry;
pub mod sim;
pub mod witness;
