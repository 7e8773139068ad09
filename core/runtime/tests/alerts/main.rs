//! Who is told of dead letters, and that nobody else notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod receiver;
#[path = "../support/mod.rs"]
mod support;
mod told;
