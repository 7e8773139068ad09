//! Onceward: a resilient Kafka consumer loop.

pub mod config;
mod error;
pub mod inbox;
pub mod kafka;
pub mod letter;
pub mod wire;

pub use error::{Error, ErrorCode};
