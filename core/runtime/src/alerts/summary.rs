//! What is told of a letter.

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
    /// Attempts made.
    pub attempts: u32,
}

/// One line, and not a long one.
pub(crate) fn short(text: &str) -> String {
    crate::event::one_line(text).chars().take(TEXT).collect()
}
