//! The engine against the simulated world.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

mod mutations;
mod scenarios;
mod worlds;
