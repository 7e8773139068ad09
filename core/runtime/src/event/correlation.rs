//! Correlation: which business flow a record belongs to.
//!
//! Looked for in the headers of [`wire::CORRELATION_IN`], then in the trace id of `traceparent`. A record without either gets a UUIDv7
//! made of its timestamp and a hash of its coordinates: the same one after every redelivery, so that a log search still finds all of it.

use std::borrow::Cow;

use crate::kafka::Record;
use crate::wire;

/// Longer ids are cut: they would be repeated on every log line.
const LONGEST: usize = 256;

/// The correlation id of a record. `place` names its topic and partition.
pub(crate) fn of(record: &Record<'_>, topic: &str, partition: i32) -> String {
    for name in wire::CORRELATION_IN {
        if let Some(id) = record.header(name).and_then(printable) {
            return id;
        }
    }
    if let Some(trace) = record.header(wire::TRACEPARENT).and_then(trace_id) {
        return trace;
    }
    derived(record, topic, partition)
}

/// Text that is safe in a log line: no control characters, bounded. `None` when nothing is left.
pub(crate) fn printable(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let cleaned: String = text.chars().filter(|&character| !breaks_lines(character)).take(LONGEST).collect();
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Text of others (an error's, a producer's) as part of one log line: what could begin another line or redraw this one is replaced.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    const LONG: usize = 2 << 10;
    if text.len() <= LONG && !text.chars().any(breaks_lines) {
        return Cow::Borrowed(text);
    }
    let shown = text.chars().take(LONG).map(|character| if breaks_lines(character) { '\u{fffd}' } else { character });
    Cow::Owned(shown.collect())
}

/// Control characters, the line breaks of Unicode, and what turns the direction of writing.
fn breaks_lines(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The trace id of a `traceparent`, if the header is well formed (W3C Trace Context § 3.2).
pub(crate) fn trace_id(header: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(header).ok()?;
    let mut fields = text.split('-');
    let (version, trace, parent, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let hex = |field: &str, length: usize| field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let known = hex(version, 2) && version != "ff" && (version != "00" || fields.next().is_none());
    let set = |field: &str| field.bytes().any(|byte| byte != b'0');
    (known && hex(trace, 32) && hex(parent, 16) && hex(flags, 2) && set(trace) && set(parent)).then(|| trace.to_owned())
}

fn derived(record: &Record<'_>, topic: &str, partition: i32) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(topic.as_bytes());
    hasher.update(&partition.to_be_bytes());
    hasher.update(&record.meta.offset.0.to_be_bytes());
    let mut random = [0; 10];
    random.copy_from_slice(&hasher.finalize().as_bytes()[..10]);
    let millis = u64::try_from(record.meta.timestamp.unwrap_or(0)).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
}

/// A `traceparent` for what a handler publishes: the incoming trace goes on under a new parent; without one a new trace starts from the
/// correlation id. `salt` tells several publishes of one event apart.
pub(crate) fn traceparent(incoming: Option<&[u8]>, correlation: &str, salt: &str) -> String {
    let hash = blake3::hash(format!("{correlation}\n{salt}").as_bytes()).to_hex();
    let trace = incoming.and_then(trace_id);
    let flags =
        incoming.filter(|_| trace.is_some()).and_then(|header| header.get(53..55)).and_then(|flags| std::str::from_utf8(flags).ok());
    format!("00-{}-{}-{}", trace.as_deref().unwrap_or(&hash.as_str()[..32]), &hash.as_str()[32..48], flags.unwrap_or("01"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_traceparent_counts() {
        let good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(good).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            &b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"[..],
            b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            b"\xff\xfe",
            b"",
        ] {
            assert_eq!(trace_id(bad), None);
        }
    }

    #[test]
    fn a_log_line_can_not_be_forged() {
        assert_eq!(printable(b"a\r\nlevel=ERROR \x1b[31m"), Some("alevel=ERROR [31m".to_owned()));
        assert_eq!(printable(b"\n"), None);
        assert_eq!(printable("a\u{2028}b\u{202e}c".as_bytes()), Some("abc".to_owned()));
        assert_eq!(one_line("a\r\nERROR\u{2029}\u{1b}[31m"), "a\u{fffd}\u{fffd}ERROR\u{fffd}\u{fffd}[31m");
        assert_eq!(one_line(&"é".repeat(5_000)).chars().count(), 2 << 10);
        assert_eq!(printable(&[b'x'; 1000]).map(|id| id.len()), Some(LONGEST));
    }

    #[test]
    fn a_record_without_an_id_gets_the_same_one_in_every_release() {
        use onceward_engine::{Digest, Epoch, EventHash, Offset, PartitionId, PolicyId};
        let mut builder = crate::kafka::BatchBuilder::default();
        builder.begin(None, None);
        let (partition, offset) = (PartitionId(9), Offset(258));
        let identity = crate::inbox::Identity::Coordinates { partition, offset };
        let mut meta = crate::kafka::RecordMeta::new(partition, Epoch(7), offset, identity, EventHash(1), Digest(1), PolicyId(0));
        meta.timestamp = Some(1_700_000_000_123);
        builder.finish(meta);
        assert_eq!(of(&builder.take().record(0), "orders", 1), "018bcfe5-687b-7282-bf32-78ad7b602c2b");
    }

    #[test]
    fn a_publish_continues_the_trace_under_a_new_parent() {
        let incoming = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let next = traceparent(Some(incoming), "c1", "invoices/0");
        assert!(next.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && next.ends_with("-00"));
        assert!(!next.contains("00f067aa0ba902b7"));
        assert!(trace_id(traceparent(None, "c1", "invoices/0").as_bytes()).is_some());
    }
}
