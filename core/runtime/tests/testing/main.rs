//! The rig: handlers without a broker, in simulated time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod basics;
mod support;
