//! What a collector receives of real runs: names, attributes, links, parents, and what happens when it is away.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod away;
mod collector;
mod environment;
mod golden;
mod shown;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;
