//! Judges a history (`tests/src/history.rs`) after the fact. Knows nothing of how Onceward works, only of what it promises.
//!
//! Ten checks, C1 to C10, after Jepsen's checks of Kafka clients, turned to a consumer's promises. Each has a test that it can fail.

mod bytes;
mod commits;
mod lost;
mod order;
mod polls;
mod stuck;
mod trace;
mod twice;
mod zombie;

use std::fmt;

use crate::history::Entry;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub check: Check,
    /// Where and what, for people.
    pub what: String,
}

/// The checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// An offset was committed past a record that was not resolved before.
    Lost,
    /// Two effects of one event.
    Twice,
    /// Two records of one key overlapped or changed places.
    Order,
    /// The committed offset went back without an operator.
    Commit,
    /// A poll went back, or jumped over a record.
    Poll,
    /// An effect or a letter of a record that never was, or of an aborted transaction.
    Ghost,
    /// Two reads of one record, or a record and its letter, differ.
    Bytes,
    /// No progress while nothing runs, though the faults have ended.
    Stuck,
    /// An effect of an owner after its successor had begun.
    Zombie,
    /// A line or a letter without the record's correlation id.
    Trace,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "C{} {:?}: {}", self.check as u8 + 1, self.check, self.what)
    }
}

/// All checks over one merged history.
#[must_use]
pub fn check(history: &[Entry]) -> Vec<Violation> {
    let mut found = Vec::new();
    lost::check(history, &mut found);
    twice::check(history, &mut found);
    order::check(history, &mut found);
    commits::check(history, &mut found);
    polls::check(history, &mut found);
    bytes::check(history, &mut found);
    stuck::check(history, &mut found);
    zombie::check(history, &mut found);
    trace::check(history, &mut found);
    found
}

fn violation(found: &mut Vec<Violation>, check: Check, what: impl Into<String>) {
    found.push(Violation { check, what: what.into() });
}

#[cfg(test)]
mod tests;
