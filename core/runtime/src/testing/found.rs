//! What a test reads: plain data.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::options::SendOptions;
use crate::inbox::Value;
use crate::ledger::LetterState;
use crate::letter::{HeaderBytes, Letter};

/// Where a record was put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Headers in order, as bytes; repeated names stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeaderList(pub Vec<HeaderBytes>);

impl HeaderList {
    /// The text of the last header of this name; `None` when there is none, it is null, or it is no UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The bytes of the last header of this name that is not null.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().rev().find(|(existing, _)| existing == name.as_bytes());
        found.and_then(|(_, value)| value.as_deref())
    }
}

/// A record in a dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// Where it lies.
    pub position: Position,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value, byte for byte.
    pub value: Option<Vec<u8>>,
    /// The record's headers, then those that say why.
    pub headers: HeaderList,
    /// The same headers, read: reason, attempts, event id, error.
    pub letter: Letter,
    /// How it stands in the ledger. `None`: the ledger does not know this copy (a crash came between letter and ledger, and it was written
    /// again), or `dead_letter.replay` is off.
    pub state: Option<LetterState>,
    /// Replays of it that failed.
    pub replays: u32,
}

/// A key whose later events wait behind a dead letter: `after_dead_letter = "hold"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldKey {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The key of the letter's record.
    pub key: Option<Vec<u8>>,
    /// The id of the event whose letter has to be settled, or its coordinates.
    pub letter: String,
    /// Ids of the events behind it, in their order.
    pub behind: Vec<String>,
}

impl DeadLetter {
    /// Why the event was given up: `exhausted`, `rejected`, `undecodable`, `invalid`, `conflict` or `held-behind`.
    #[must_use]
    pub fn reason(&self) -> &str {
        self.letter.reason.as_deref().unwrap_or_default()
    }

    /// How it stands: `open`, `held`, `done` or `discarded`; `orphan`: a copy that the ledger does not know.
    #[must_use]
    pub fn state(&self) -> &'static str {
        self.state.map_or("orphan", crate::ledger::state_text)
    }

    /// Handler calls made.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.letter.attempts.unwrap_or(0)
    }

    /// The event's id, or its coordinates.
    #[must_use]
    pub fn event_id(&self) -> &str {
        self.letter.event_id.as_deref().unwrap_or_default()
    }
}

/// An event that was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Where it lies.
    pub position: Position,
    /// Its id, as in the header `onceward-id`.
    pub id: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, ours included.
    pub headers: HeaderList,
}

/// The same event for the next service: what a rig published is what another one may be sent.
impl From<Published> for SendOptions {
    fn from(published: Published) -> Self {
        let Published { key, value, headers, .. } = published;
        Self { key, value, headers: headers.0, ..Self::default() }
    }
}

impl Published {
    /// The value as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap_or_default()).unwrap_or_default()
    }
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Rows in the order in which SQLite gave them, each with a value per column.
    pub rows: Vec<Vec<Value>>,
}

/// A line of the log, written by the loop or by a handler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `ERROR`, `WARN` or `INFO`.
    pub level: String,
    /// Who wrote it.
    pub target: String,
    /// The text.
    pub message: String,
    /// Its fields, then those of the spans around it, innermost first.
    pub fields: Vec<(String, String)>,
}

impl LogLine {
    /// A field's value; of several with one name the innermost.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }
}

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happened {
    /// Simulated time since the rig began.
    pub at: Duration,
    /// What, in words.
    pub what: String,
}

impl fmt::Display for Happened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:>10.3} s  {}", self.at.as_secs_f64(), self.what)
    }
}
