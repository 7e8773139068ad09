//! Against a real Kafka: what only the truth can show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cleaning;
mod handover;
mod late_commit;
mod ledgers;
mod letters;
mod mended;
mod offsets;
mod patterns;
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of alerts")]
#[path = "../../core/runtime/tests/alerts/receiver.rs"]
mod receiver;
mod service;
mod sizes;
mod topics;
mod transactions;
