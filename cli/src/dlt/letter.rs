//! A letter as it is stored, and as a document.

use onceward::kafka::Header;
use onceward::letter::{Dialect, Letter, Stored};
use serde::Serialize;

use super::bytes::Bytes;
use super::standing::Standing;
use crate::output::rfc3339;

/// A record of a dead-letter topic, with what it says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredLetter {
    /// The dead-letter topic.
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(crate) letter: Letter,
}

/// One letter in JSON, the same for `show` and `export`.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    /// Where the letter lies: `TOPIC:PARTITION:OFFSET`.
    place: String,
    dead_lettered_at: Option<String>,
    /// Who wrote the letter's headers.
    dialect: Option<&'static str>,
    #[serde(flatten)]
    standing: Standing,
    letter_id: Option<&'a str>,
    reason: Option<&'a str>,
    event_id: Option<&'a str>,
    correlation_id: Option<&'a str>,
    attempts: Option<u32>,
    first_failed_at: Option<String>,
    last_failed_at: Option<String>,
    fingerprint: Option<&'a str>,
    held_behind: Option<&'a str>,
    error: ErrorDocument<'a>,
    origin: Origin<'a>,
    key: Option<Bytes<'a>>,
    value: Option<Bytes<'a>>,
    headers: Vec<HeaderDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct ErrorDocument<'a> {
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    message: Option<&'a str>,
    stack: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Origin<'a> {
    topic: Option<&'a str>,
    partition: Option<i32>,
    offset: Option<i64>,
    timestamp: Option<String>,
    group: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct HeaderDocument<'a> {
    name: Bytes<'a>,
    value: Option<Bytes<'a>>,
}

impl StoredLetter {
    pub(crate) fn read(topic: &str, stored: &Stored<'_>) -> Self {
        Self {
            topic: topic.to_owned(),
            partition: stored.partition,
            offset: stored.offset,
            timestamp: stored.timestamp,
            key: stored.key.map(<[u8]>::to_vec),
            value: stored.value.map(<[u8]>::to_vec),
            headers: stored.headers.iter().map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec))).collect(),
            letter: Letter::from_headers(stored.headers.iter().map(|header| Header { name: header.name, value: header.value })),
        }
    }

    /// Where it lies.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}:{}", self.topic, self.partition, self.offset)
    }

    /// With what the ledger says of it.
    pub(crate) fn document(&self, standing: Standing) -> Document<'_> {
        let letter = &self.letter;
        Document {
            place: self.place(),
            dead_lettered_at: self.timestamp.map(rfc3339),
            dialect: letter.dialect.map(Dialect::name),
            standing: standing.or_header(letter.replays),
            letter_id: letter.id.as_deref(),
            reason: letter.reason.as_deref(),
            event_id: letter.event_id.as_deref(),
            correlation_id: letter.correlation_id.as_deref(),
            attempts: letter.attempts,
            first_failed_at: letter.first_failed_at.map(rfc3339),
            last_failed_at: letter.last_failed_at.map(rfc3339),
            fingerprint: letter.fingerprint.as_deref(),
            held_behind: letter.held_behind.as_deref(),
            error: ErrorDocument { kind: letter.error_type.as_deref(), message: letter.message.as_deref(), stack: letter.stack.as_deref() },
            origin: Origin {
                topic: letter.topic.as_deref(),
                partition: letter.partition,
                offset: letter.offset,
                timestamp: letter.timestamp.map(rfc3339),
                group: letter.group.as_deref(),
            },
            key: self.key.as_deref().map(Bytes),
            value: self.value.as_deref().map(Bytes),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| HeaderDocument { name: Bytes(name), value: value.as_deref().map(Bytes) })
                .collect(),
        }
    }
}
