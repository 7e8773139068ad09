//! Dead letters, byte by byte, and the producer that writes them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod build;
mod hostile;
mod ledger;
mod producer;
mod sent_again;
mod support;
mod topics;
