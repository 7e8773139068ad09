//! What happened, one JSON line per step, written so that a SIGKILL loses nothing that was said before it.
//!
//! Every process appends to a file of its own; [`read`] merges them by time. `tests/src/checker.rs` judges the result.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A record's coordinates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spot {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Spot {
    /// These coordinates.
    pub fn new(topic: impl Into<String>, partition: i32, offset: i64) -> Self {
        Self { topic: topic.into(), partition, offset }
    }

    /// Topic and partition.
    #[must_use]
    pub fn source(&self) -> (String, i32) {
        (self.topic.clone(), self.partition)
    }
}

/// How one handler call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The handler is done with it.
    Done,
    /// It failed and will be tried again.
    Retry,
    /// It failed for the last time.
    GivenUp,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// The broker acknowledged a record. An aborted transaction's records are never seen by a consumer.
    Produced { spot: Spot, key: Option<String>, id: String, digest: String, aborted: bool },
    /// A member was given a partition.
    Assigned { topic: String, partition: i32 },
    /// A member began to give a partition back.
    Revoking { topic: String, partition: i32 },
    /// A record came out of the client.
    Polled { spot: Spot, digest: String },
    /// A handler was called.
    Started { spot: Spot, key: Option<String>, attempt: u32, correlation: Option<String> },
    /// A handler said something while it ran.
    Said { spot: Spot, correlation: Option<String> },
    /// The record's effect takes seconds to commit, so that a kill can fall into it.
    Slowed { spot: Spot },
    /// A handler call ended.
    Ended { spot: Spot, end: End },
    /// The record's effect is durable; `by` is who handled it, in which of its assignments.
    Effect { spot: Spot, key: Option<String>, id: String, by: Owner },
    /// The record needs no handling, by a rule: a copy of what is handled.
    Skipped { spot: Spot },
    /// The record is in the dead-letter topic.
    Lettered { spot: Spot, digest: String, correlation: Option<String> },
    /// The group's offset was seen at, or moved to, `next`.
    Committed { topic: String, partition: i32, next: i64 },
    /// An operator moved the group's offset on purpose.
    Rewound { topic: String, partition: i32 },
    /// Faults have ended; from here on there must be progress.
    Healed,
    /// How much is left, and how many handlers run.
    Lag { records: u64, running: u64 },
}

/// Who did something: a process, and which of its assignments of the partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub member: String,
    /// Counted up by the process with each assignment of the partition.
    pub epoch: u32,
}

/// A step, when, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since 1970.
    pub at: u64,
    /// By whom.
    #[serde(flatten)]
    pub by: Owner,
    /// What.
    #[serde(flatten)]
    pub step: Step,
}

/// Appends to one process's file.
#[derive(Debug)]
pub struct Writer {
    file: Mutex<File>,
    member: String,
}

impl Writer {
    /// Appends to `path`.
    pub fn open(path: &Path, member: impl Into<String>) -> io::Result<Self> {
        Ok(Self { file: Mutex::new(OpenOptions::new().create(true).append(true).open(path)?), member: member.into() })
    }

    /// Writes one step. The line goes to the system in one call and unbuffered: the process may be killed right after.
    pub fn write(&self, epoch: u32, step: Step) -> io::Result<()> {
        self.write_at(None, epoch, step)
    }

    /// Writes a step that happened before: somebody else found its trace only now.
    pub fn write_past(&self, at: u64, epoch: u32, step: Step) -> io::Result<()> {
        self.write_at(Some(at), epoch, step)
    }

    fn write_at(&self, at: Option<u64>, epoch: u32, step: Step) -> io::Result<()> {
        // The time is taken under the lock, so that one process's lines never go back in time.
        let mut file = self.file.lock().map_err(|_| io::Error::other("a writer of the history panicked"))?;
        let mut line = serde_json::to_vec(&Entry { at: at.unwrap_or_else(now), by: Owner { member: self.member.clone(), epoch }, step })?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

/// Microseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Reads the files and merges them by time; within one process the order is kept. A torn last line, left by a kill, is dropped.
pub fn read<'a>(paths: impl IntoIterator<Item = &'a Path>) -> io::Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for path in paths {
        let mut lines = BufReader::new(File::open(path)?).lines().peekable();
        while let Some(line) = lines.next() {
            match serde_json::from_str(&line?) {
                Ok(entry) => entries.push(entry),
                Err(_) if lines.peek().is_none() => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use super::{End, Spot, Step, Writer, read};

    #[test]
    fn what_was_written_is_read_back_and_a_torn_end_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let writer = Writer::open(&path, "a").unwrap();
        let step = Step::Ended { spot: Spot::new("t", 1, 2), end: End::GivenUp };
        writer.write(3, step.clone()).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at\":1,\"memb").unwrap();
        let entries = read([path.as_path()]).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!((entries[0].by.member.as_str(), entries[0].by.epoch, &entries[0].step), ("a", 3, &step));
    }

    #[test]
    fn damage_in_the_middle_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "{torn\n").unwrap();
        Writer::open(&path, "a").unwrap().write(0, Step::Healed).unwrap();
        assert!(read([path.as_path()]).is_err());
    }
}
