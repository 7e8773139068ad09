//! The registry client and schemas in the loop, against a stub with faults and against a real registry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod client;
mod looped;
mod real;
