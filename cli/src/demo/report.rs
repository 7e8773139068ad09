//! What the two processes say to each other: the task as one argument, progress as JSON lines on the child's standard output.

use std::io::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a child has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) brokers: String,
    pub(super) group: String,
    pub(super) topic: String,
    pub(super) inbox: PathBuf,
    pub(super) log: PathBuf,
    pub(super) session_timeout_ms: u32,
    /// Says [`Report::Reached`] as soon as so many flights were recorded by the handler.
    pub(super) say_at: Option<u64>,
    /// Whether an aircraft waits behind its dead letters.
    pub(super) holds: bool,
    /// Whether the handler knows what to do with a cancelled flight.
    pub(super) mended: bool,
}

/// One line of a child.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Report {
    /// Every 50 ms.
    Progress(Counts),
    /// The number that the task asked for is reached.
    Reached(Counts),
    /// Everything is read and resolved.
    End(Counts),
    /// It can't go on.
    Error {
        /// Whether the cluster is to blame.
        broker: bool,
        /// What happened, and what to do.
        message: String,
    },
}

/// What a child has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Handler calls that succeeded. Those whose mark was not durable at a crash happen again.
    pub(super) recorded: u64,
    /// Handler calls after the first one of their event.
    pub(super) retries: u64,
    /// From the first handler call to the last one that succeeded.
    pub(super) busy_micros: u64,
    /// Events handled and durably marked.
    pub(super) handled: u64,
    /// Records dropped, since their event is marked.
    pub(super) duplicates: u64,
    /// Events in the dead-letter topic.
    pub(super) dead_letters: u64,
    /// Ids that came with different bytes.
    pub(super) conflicts: u64,
}

impl Counts {
    /// Records with which nothing more has to be done.
    pub(super) fn resolved(&self) -> u64 {
        self.handled.saturating_add(self.duplicates).saturating_add(self.dead_letters)
    }
}

impl Report {
    /// Says it to the parent. A parent that is gone hears nothing; the end of standard input tells the child so.
    pub(super) fn say(&self) {
        if let Ok(mut line) = serde_json::to_vec(self) {
            line.push(b'\n');
            drop(std::io::stdout().lock().write_all(&line));
        }
    }
}
