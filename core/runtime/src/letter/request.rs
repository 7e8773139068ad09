//! What is to be written.

use onceward_engine::DeliveryId;

use super::headers::{self, Cause};
use crate::kafka::Record;
use crate::ledger::Key;
use crate::wire::spring;

/// A header: name and value as bytes, the value may be null.
pub type HeaderBytes = (Vec<u8>, Option<Vec<u8>>);

/// A dead letter to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterRequest {
    /// Whose letter.
    pub delivery: DeliveryId,
    /// The dead-letter topic.
    pub topic: String,
    /// The source's partition number.
    pub partition: i32,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
    /// The record's headers, then ours.
    pub headers: Vec<HeaderBytes>,
}

impl LetterRequest {
    /// The letter of a record.
    #[must_use]
    pub fn new(delivery: DeliveryId, topic: &str, record: &Record<'_>, cause: &Cause<'_>) -> Self {
        Self {
            delivery,
            topic: topic.to_owned(),
            partition: cause.partition,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: headers::build(record, cause),
        }
    }

    /// Makes a letter that is too large smaller: first the stack goes, then the message. `false`: there is nothing left that is ours to cut.
    pub(super) fn trim(&mut self) -> bool {
        for name in [spring::STACKTRACE, spring::MESSAGE] {
            let before = self.headers.len();
            self.headers.retain(|(existing, _)| existing != name.as_bytes());
            if self.headers.len() < before {
                return true;
            }
        }
        false
    }
}

/// A record of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRequest {
    /// Comes back with the answer.
    pub token: u64,
    /// The ledger.
    pub topic: String,
    /// The source's partition number.
    pub partition: i32,
    /// The key.
    pub key: Key,
    /// What is said; `None` removes what was said under the key.
    pub value: Option<Vec<u8>>,
}

/// What may be done about a record of a ledger when nobody knows whether it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsure {
    /// It is given up: by the time it is sent again, what it rests on may be over.
    GivenUp,
    /// It is sent again, under another key.
    Renamed,
    /// It is sent again as it is: however often it lands, it says the same.
    Same,
}

impl LedgerRequest {
    /// Nobody knows whether it was written. Two records under one key would be one to compaction, and it keeps the last: a record that counts
    /// would give way to one that landed too late to count.
    pub(super) fn unsure(&mut self) -> Unsure {
        match &mut self.key {
            _ if self.value.is_none() => Unsure::Same,
            Key::Claim(_) | Key::Command(_) => Unsure::GivenUp,
            Key::Letter { again, .. } => {
                *again = again.saturating_add(1);
                Unsure::Renamed
            }
        }
    }
}

/// A record that a handler publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishRequest {
    /// Comes back with the answer.
    pub token: u64,
    /// Where to.
    pub topic: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<HeaderBytes>,
    /// Milliseconds since 1970; now if there is none.
    pub timestamp: Option<i64>,
}
