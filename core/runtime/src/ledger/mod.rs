//! The ledger's records as they stand in Kafka: what to write, what was read.
//!
//! State and rules are the engine's ([`onceward_engine::ledger`]); here is the form. Keys are text, values are JSON with a version. The form is
//! described in `docs/reference/ledger.md`; other tools may read it.

mod key;
mod value;

pub use key::Key;
pub use value::{Unreadable, decode, encode};
