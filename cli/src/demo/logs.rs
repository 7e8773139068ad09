//! Reads the consuming processes' log files back: only the lines of the handler.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::child::RECORDED;
use super::failure::{Doing as _, Failure};
use super::instant::Instant;

/// A line that was logged while an event was handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// 1 before the crash, 2 after it.
    pub(super) process: u8,
    pub(super) at: Instant,
    pub(super) correlation_id: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) attempt: u32,
    pub(super) message: String,
    pub(super) failed: bool,
}

#[derive(Deserialize)]
struct Written {
    timestamp: String,
    target: String,
    fields: Fields,
    #[serde(default)]
    span: Span,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    message: String,
}

/// What Onceward adds to every line that is logged while a handler runs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    correlation_id: String,
    partition: i32,
    offset: i64,
    attempt: u32,
}

/// The handler's lines of one process.
pub(super) fn read(path: &Path, process: u8) -> Result<Vec<Line>, Failure> {
    let file = File::open(path).doing("read the log of the consuming process")?;
    // The kill may have cut the last line short.
    Ok(BufReader::new(file).lines().map_while(Result::ok).filter_map(|text| parse(&text, process)).collect())
}

fn parse(text: &str, process: u8) -> Option<Line> {
    let Written { timestamp, target, fields, span } = serde_json::from_str(text).ok()?;
    if target != "demo" {
        return None;
    }
    let Span { correlation_id, partition, offset, attempt } = span;
    let failed = fields.message != RECORDED;
    Some(Line { process, at: Instant::parse(&timestamp)?, correlation_id, partition, offset, attempt, message: fields.message, failed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn a_line_of_the_handler_is_read_with_its_span_and_others_are_not() {
        let text = r#"{"timestamp":"1970-01-01T00:00:01.5Z","level":"WARN","fields":{"message":"flight \"a\" has no departure time"},
            "target":"demo","span":{"attempt":2,"correlation_id":"N1-2013-01-01","offset":7,"partition":3,"topic":"flights","name":"process"}}"#;
        let line = parse(text, 1).unwrap();
        assert_eq!((line.process, line.at, line.correlation_id.as_str()), (1, Instant(1_500_000), "N1-2013-01-01"));
        assert_eq!((line.partition, line.offset, line.attempt, line.failed), (3, 7, 2, true));
        assert_eq!(parse(&text.replace("\"demo\"", "\"onceward\""), 1), None);
        assert_eq!(parse(&text[..40], 1), None, "a line cut short by the kill");
    }
}
