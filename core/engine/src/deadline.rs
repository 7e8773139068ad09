//! What is due when.

use std::collections::BTreeSet;

use crate::ids::Timestamp;

/// Something that happens at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The delivery in this slot may be tried again.
    Attempt(u32),
    /// The partition's watermark is to be committed.
    Commit(u32),
    /// The partition is given back, finished or not.
    Drained(u32),
    /// A probe of this policy may start.
    Probe(u32),
    /// A run until the end waits no longer for this policy's breaker.
    BreakerLimit(u32),
    /// The rate of this policy allows another start.
    Gate(u32),
    /// The pace of a command allows another letter of this partition.
    Replay(u32),
    /// Records were refused for a while: whether somebody has to make room is to be looked at.
    Crowd,
    /// What can go from the ledger of this partition is looked for.
    Clean(u32),
    /// The group had its time to take this partition from us.
    Dispute(u32),
}

/// All deadlines. Whoever ends something takes its deadline out, so none is ever stale.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines {
    set: BTreeSet<(Timestamp, Due)>,
}

impl Deadlines {
    pub(crate) fn add(&mut self, at: Timestamp, due: Due) {
        self.set.insert((at, due));
    }

    pub(crate) fn remove(&mut self, at: Timestamp, due: Due) {
        self.set.remove(&(at, due));
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.set.first().map(|&(at, _)| at)
    }

    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Due> {
        if self.next()? > now {
            return None;
        }
        self.set.pop_first().map(|(_, due)| due)
    }
}
