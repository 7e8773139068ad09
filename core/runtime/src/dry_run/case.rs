//! A letter that is tried, and what became of it.

use serde::{Deserialize, Serialize};

use crate::ledger::{Key, LetterRecord, Record, decode, encode};
use crate::letter::{HeaderBytes, Stored};

/// A letter as it lies in its topic, and what the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The topic that the event came from.
    pub topic: String,
    /// The partition, of the event and of the letter.
    pub partition: i32,
    /// The letter's timestamp in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The letter's key.
    pub key: Option<Vec<u8>>,
    /// The letter's value.
    pub value: Option<Vec<u8>>,
    /// All headers of the letter, in order.
    pub headers: Vec<HeaderBytes>,
    /// Its record in the ledger.
    pub record: LetterRecord,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The topic that the event came from.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The event's offset.
    pub offset: i64,
    /// The letter's id.
    pub letter_id: String,
    /// The event's id, or its coordinates.
    pub event_id: String,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What would become of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Verdict {
    /// Its handler succeeded.
    Handled {
        /// Events that it would publish.
        publishes: u64,
    },
    /// The inbox has its mark: a replay settles it without its handler.
    Known,
    /// Its handler failed.
    Failed {
        /// The reason of the letter, as `exhausted`.
        reason: String,
        /// The error's type.
        error_type: String,
        /// The error's text, on one line.
        message: String,
    },
    /// It stays held behind a letter that failed.
    Behind,
    /// What stands at its place is not the letter that the ledger names.
    Unreadable,
    /// No handler of this consumer subscribes to its topic.
    Unhandled,
}

impl Case {
    /// From a record of a dead-letter topic.
    #[must_use]
    pub fn new(topic: &str, stored: &Stored<'_>, record: LetterRecord) -> Self {
        let headers = stored.headers.iter().map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec))).collect();
        let (key, value) = (stored.key.map(<[u8]>::to_vec), stored.value.map(<[u8]>::to_vec));
        Self { topic: topic.to_owned(), partition: stored.partition, timestamp: stored.timestamp, key, value, headers, record }
    }
}

/// As a line of a file. Bytes are hex: they may be anything.
#[derive(Serialize, Deserialize)]
pub(super) struct Line {
    topic: String,
    partition: i32,
    timestamp: Option<i64>,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
    /// As in the ledger.
    ledger: (String, String),
}

impl From<&Case> for Line {
    fn from(case: &Case) -> Self {
        let (key, value) = encode(&Record::Letter(case.record.clone()), "");
        Self {
            topic: case.topic.clone(),
            partition: case.partition,
            timestamp: case.timestamp,
            key: case.key.as_deref().map(hex),
            value: case.value.as_deref().map(hex),
            headers: case.headers.iter().map(|(name, value)| (hex(name), value.as_deref().map(hex))).collect(),
            ledger: (key.to_string(), String::from_utf8_lossy(&value).into_owned()),
        }
    }
}

impl Line {
    /// `None`: no line of this version.
    pub(super) fn case(self) -> Option<Case> {
        let (Key::Letter { .. }, Record::Letter(record)) = decode(self.ledger.0.as_bytes(), self.ledger.1.as_bytes()).ok()? else {
            return None;
        };
        let bytes = |text: Option<String>| text.map_or(Some(None), |text| unhex(&text).map(Some));
        let headers = self.headers.into_iter().map(|(name, value)| Some((unhex(&name)?, bytes(value)?))).collect::<Option<_>>()?;
        let (key, value) = (bytes(self.key)?, bytes(self.value)?);
        Some(Case { topic: self.topic, partition: self.partition, timestamp: self.timestamp, key, value, headers, record })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = *pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use onceward_engine::{Offset, Reason};

    use super::*;
    use crate::ledger::{KeyDigest, LetterState};

    #[test]
    fn a_case_is_the_same_after_its_way_through_a_file() {
        let record = LetterRecord {
            offset: Offset(7),
            epoch: Offset(3),
            state: LetterState::Held,
            replays: 2,
            key: Some(KeyDigest(5)),
            holds: true,
            letter: Offset(9),
            reason: Reason::HeldBehind,
            fingerprint: "f".to_owned(),
            time: 11,
            again: 0,
        };
        let headers = vec![(b"\xff".to_vec(), None), (b"a".to_vec(), Some(vec![]))];
        let (topic, value) = ("orders".to_owned(), Some(vec![0, 255, 16]));
        let case = Case { topic, partition: 3, timestamp: Some(4), key: None, value, headers, record };
        let line = serde_json::to_string(&Line::from(&case)).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&line).unwrap().case(), Some(case));
        assert_eq!((unhex("0"), unhex("zz"), unhex("+f"), unhex("é")), (None, None, None, None));
    }
}
