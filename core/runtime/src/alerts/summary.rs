//! What is told of letters.

use serde::Serialize;

/// Longest text of an error here; the letter itself has more.
const TEXT: usize = 500;

/// A dead letter, summarised for people who are to be told of it. It never holds key, value or headers of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The consumer group that gave the event up.
    pub group: String,
    /// Where the event came from.
    pub topic: String,
    /// Its partition there.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The letter's id, for `onceward dlt show`.
    pub letter_id: String,
    /// Why, as `exhausted`.
    pub reason: &'static str,
    /// Groups letters with one cause.
    pub fingerprint: String,
    /// The error's type.
    pub error_type: String,
    /// The error's text on one line, at most 500 characters.
    pub message: String,
    /// The correlation id.
    pub correlation_id: String,
    /// Attempts made, by the last replay if there was one.
    pub attempts: u32,
    /// Replays of it that failed: 0 when it is given up for the first time.
    pub replays: u32,
}

/// The oldest letter of a topic that is not settled will be deleted by the broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Expiry {
    pub(crate) group: String,
    pub(crate) topic: String,
    /// RFC 3339.
    pub(crate) deleted_at: String,
    pub(crate) seconds_left: u64,
    /// Letters of the topic that are not settled, as far as this member owns it.
    pub(crate) open: u64,
    pub(crate) held: u64,
}

/// What a webhook tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum News {
    Letter(DeadLetter),
    Expiry(Expiry),
}

impl News {
    /// What it is called in the webhook's document.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Letter(DeadLetter { replays: 0, .. }) => "dead_letter",
            Self::Letter(_) => "replay_failed",
            Self::Expiry(_) => "letter_expires",
        }
    }

    /// News with one cause are told together. A replay that fails is another cause than the failure before it: somebody thought it mended.
    pub(super) fn cause(&self) -> (&'static str, String, String) {
        match self {
            Self::Letter(letter) => (self.kind(), letter.topic.clone(), letter.fingerprint.clone()),
            Self::Expiry(expiry) => (self.kind(), expiry.topic.clone(), String::new()),
        }
    }
}

/// One line, and not a long one.
pub(crate) fn short(text: &str) -> String {
    crate::event::one_line(text).chars().take(TEXT).collect()
}
