//! The headers of a letter: the record's own, then Spring's, then ours.

use onceward_engine::Reason;

use super::dialect::OURS;
use super::request::HeaderBytes;
use super::time::rfc3339;
use crate::kafka::Record;
use crate::wire::{letter, spring};

/// Longest error text.
const MESSAGE_CAP: usize = 2 << 10;
/// Longest stack.
const STACK_CAP: usize = 8 << 10;
/// Longest id: whoever sends a megabyte as an id gets its beginning back.
const ID_CAP: usize = 1 << 10;

/// Why a record was given up.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// The consumer group.
    pub group: &'a str,
    /// The source topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Why.
    pub reason: Reason,
    /// Handler calls made.
    pub attempts: u32,
    /// The event's id as the producer wrote it, or `None`: then its coordinates are written.
    pub event_id: Option<&'a str>,
    /// The correlation id.
    pub correlation_id: &'a str,
    /// When the first attempt failed, in milliseconds since 1970.
    pub first_failed_at: i64,
    /// When the last one did.
    pub last_failed_at: i64,
    /// The error's type.
    pub error_type: &'a str,
    /// The error's text.
    pub message: &'a str,
    /// The error's chain or stack; empty if there is none.
    pub stack: &'a str,
    /// Groups letters with one cause.
    pub fingerprint: &'a str,
    /// Letter id of the letter that this follower waits for.
    pub held_behind: Option<&'a str>,
    /// Replays so far.
    pub replays: Option<u32>,
}

/// The id of a letter: the same for every copy of it, since it is derived from group and coordinates.
#[must_use]
pub fn letter_id(group: &str, topic: &str, partition: i32, offset: i64) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("onceward letter id 1");
    for text in [group, topic] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&partition.to_be_bytes());
    hasher.update(&offset.to_be_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}

/// How a reason is written.
pub(crate) fn reason_text(reason: Reason) -> &'static str {
    match reason {
        Reason::Exhausted => "exhausted",
        Reason::Rejected => "rejected",
        Reason::Undecodable => "undecodable",
        Reason::Invalid => "invalid",
        Reason::Conflict => "conflict",
        Reason::Crashed => "crashed",
        Reason::HeldBehind => "held-behind",
        Reason::Expired => "expired",
    }
}

/// The reason of that text.
pub(crate) fn reason_of(text: &str) -> Option<Reason> {
    let failed = [Reason::Exhausted, Reason::Rejected, Reason::Undecodable, Reason::Invalid, Reason::Conflict, Reason::Crashed];
    failed.into_iter().chain([Reason::HeldBehind, Reason::Expired]).find(|reason| reason_text(*reason) == text)
}

/// Headers that a letter adds, and has once: those of an earlier hop are replaced. `onceward-id` is not among them, it belongs to the event.
pub(crate) fn is_ours(name: &[u8]) -> bool {
    name.starts_with(b"kafka_dlt-") || OURS.iter().any(|ours| ours.as_bytes() == name)
}

/// All headers of a letter.
pub(super) fn build(record: &Record<'_>, cause: &Cause<'_>) -> Vec<HeaderBytes> {
    let offset = record.meta.offset.0;
    let mut headers: Vec<HeaderBytes> = record
        .headers()
        .filter(|header| !is_ours(header.name))
        .map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec)))
        .collect();
    let mut add = |name: &str, value: &[u8]| headers.push((name.as_bytes().to_vec(), Some(value.to_vec())));
    add(spring::TOPIC, cause.topic.as_bytes());
    add(spring::PARTITION, &cause.partition.to_be_bytes());
    add(spring::OFFSET, &offset.to_be_bytes());
    // Spring writes -1 for a record without a timestamp, too.
    add(spring::TIMESTAMP, &record.meta.timestamp.unwrap_or(-1).to_be_bytes());
    add(spring::TIMESTAMP_TYPE, timestamp_type(record).as_bytes());
    add(spring::GROUP, cause.group.as_bytes());
    add(spring::FQCN, cut(cause.error_type, ID_CAP).as_bytes());
    add(spring::MESSAGE, cut(cause.message, MESSAGE_CAP).as_bytes());
    if !cause.stack.is_empty() {
        add(spring::STACKTRACE, cut(cause.stack, STACK_CAP).as_bytes());
    }
    let coordinates = format!("{}/{}/{offset}", cause.topic, cause.partition);
    add(letter::ID, letter_id(cause.group, cause.topic, cause.partition, offset).as_bytes());
    add(letter::REASON, reason_text(cause.reason).as_bytes());
    add(letter::EVENT_ID, cut(cause.event_id.unwrap_or(&coordinates), ID_CAP).as_bytes());
    add(letter::CORRELATION_ID, cut(cause.correlation_id, ID_CAP).as_bytes());
    add(letter::ATTEMPTS, cause.attempts.to_string().as_bytes());
    add(letter::FIRST_FAILED_AT, rfc3339(cause.first_failed_at).as_bytes());
    add(letter::LAST_FAILED_AT, rfc3339(cause.last_failed_at).as_bytes());
    add(letter::FINGERPRINT, cause.fingerprint.as_bytes());
    if let Some(held_behind) = cause.held_behind {
        add(letter::HELD_BEHIND, held_behind.as_bytes());
    }
    if let Some(replays) = cause.replays {
        add(letter::REPLAYS, replays.to_string().as_bytes());
    }
    headers
}

fn timestamp_type(record: &Record<'_>) -> &'static str {
    match (record.meta.timestamp, record.meta.append_time) {
        (None, _) => "NoTimestampType",
        (Some(_), true) => "LogAppendTime",
        (Some(_), false) => "CreateTime",
    }
}

/// The beginning of a text, whole characters, marked where it was cut.
fn cut(text: &str, cap: usize) -> std::borrow::Cow<'_, str> {
    const MARK: &str = "…";
    if text.len() <= cap {
        return text.into();
    }
    let mut end = cap.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end]).into()
}
