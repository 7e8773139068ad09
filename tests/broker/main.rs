//! Against a real Kafka: what only the truth can show.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cleaning;
mod handover;
mod late_commit;
mod offsets;
mod patterns;
mod service;
mod sizes;
mod topics;
mod transactions;
