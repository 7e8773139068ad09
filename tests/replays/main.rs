//! Dead letters come back: real flights, a real Kafka, three processes that hold keys, are killed, stopped and mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod ledger;
mod member;
mod story;
mod verdict;
