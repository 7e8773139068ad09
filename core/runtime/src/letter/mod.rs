//! Dead letters: how they are built, written, read back, and where they live.
//!
//! A letter is the record as it was, byte for byte, plus headers that say why it was given up. Nothing here decodes a key or a value.

mod companion;
mod dialect;
mod fingerprint;
mod headers;
mod outbox;
mod producer;
mod reach;
mod read;
mod recognise;
mod request;
pub mod rights;
pub(crate) mod scan;
mod send;
mod time;
pub mod topics;

pub use companion::{DEFAULT_LEDGER, DEFAULT_TEMPLATE, dead_letter_topic, ledger_topic};
pub use dialect::{Dialect, is_of_letter};
pub use fingerprint::fingerprint;
pub use headers::{Cause, letter_id};
pub(crate) use headers::{is_ours, reason_of, reason_text};
pub use producer::{Producer, ProducerFact, ProducerSink};
pub use reach::{Reach, reaches};
pub use read::Letter;
pub(crate) use recognise::Recognise;
pub use request::{HeaderBytes, LedgerRequest, LetterRequest, PublishRequest};
pub use scan::{Extent, Scan, Stored, scan};
pub use send::{Outgoing, Sender};
pub(crate) use time::rfc3339;
