//! A cluster that lets nobody in without asking: TLS, SASL and access control of a real Kafka.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod cluster;
mod letters;
mod logs;
mod patterns;
mod private;
mod refused;
mod renewal;
mod token;
mod welcome;
