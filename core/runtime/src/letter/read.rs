//! A letter's headers, read back: ours, and Spring's where another stack wrote it.

use super::time;
use crate::kafka::{Header, Record};
use crate::wire::{letter, spring};

/// What a dead letter says of itself. What a writer left out, or wrote in a form that can't be read, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Letter {
    /// Derived from group and coordinates; only ours have one.
    pub id: Option<String>,
    /// Why it was given up.
    pub reason: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// Milliseconds since 1970.
    pub first_failed_at: Option<i64>,
    /// Milliseconds since 1970.
    pub last_failed_at: Option<i64>,
    /// Groups letters with one cause.
    pub fingerprint: Option<String>,
    /// The letter that this one waits for.
    pub held_behind: Option<String>,
    /// Replays so far.
    pub replays: Option<u32>,
    /// The topic that it came from.
    pub topic: Option<String>,
    /// Its partition there.
    pub partition: Option<i32>,
    /// Its offset there.
    pub offset: Option<i64>,
    /// Its timestamp there, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The consumer group that gave it up.
    pub group: Option<String>,
    /// The error's type.
    pub error_type: Option<String>,
    /// The error's text.
    pub message: Option<String>,
    /// The error's chain or stack.
    pub stack: Option<String>,
}

impl Letter {
    /// Reads a record of a dead-letter topic. Never fails: a record without any of the headers gives a letter that says nothing.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Self {
        Self::from_headers(record.headers())
    }

    /// As [`Letter::read`], from headers in order. Of repeated ones the last counts: the latest hop.
    pub fn from_headers<'a>(headers: impl Iterator<Item = Header<'a>>) -> Self {
        let mut read = Self::default();
        for Header { name, value } in headers {
            if let (Ok(name), Some(value)) = (std::str::from_utf8(name), value) {
                read.take(name, value);
            }
        }
        read
    }

    /// Whether it says anything of where it came from.
    #[must_use]
    pub fn is_letter(&self) -> bool {
        self.id.is_some() || (self.topic.is_some() && self.offset.is_some())
    }

    fn take(&mut self, name: &str, value: &[u8]) {
        match name {
            letter::ID => self.id = text(value),
            letter::REASON => self.reason = text(value),
            letter::EVENT_ID => self.event_id = text(value),
            letter::CORRELATION_ID => self.correlation_id = text(value),
            letter::ATTEMPTS => self.attempts = number(value),
            letter::FIRST_FAILED_AT => self.first_failed_at = instant(value),
            letter::LAST_FAILED_AT => self.last_failed_at = instant(value),
            letter::FINGERPRINT => self.fingerprint = text(value),
            letter::HELD_BEHIND => self.held_behind = text(value),
            letter::REPLAYS => self.replays = number(value),
            spring::TOPIC => self.topic = text(value),
            spring::PARTITION => self.partition = value.try_into().ok().map(i32::from_be_bytes),
            spring::OFFSET => self.offset = value.try_into().ok().map(i64::from_be_bytes),
            spring::TIMESTAMP => self.timestamp = value.try_into().ok().map(i64::from_be_bytes).filter(|millis| *millis >= 0),
            spring::GROUP => self.group = text(value),
            spring::FQCN => self.error_type = text(value),
            spring::MESSAGE => self.message = text(value),
            spring::STACKTRACE => self.stack = text(value),
            _ => {}
        }
    }
}

fn text(value: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(value).into_owned())
}

fn number(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn instant(value: &[u8]) -> Option<i64> {
    time::parse(std::str::from_utf8(value).ok()?)
}
