//! Everything that was seen from outside: what the checks and the story are made of.

use std::collections::{BTreeMap, HashMap};

use onceward_flights::{Fleet, Flight};

use super::broker::Names;
use super::comeback::Comeback;
use super::instant::Instant;
use super::letters::Letter;
use super::logs::Line;
use super::plan::Plan;
use super::report::Counts;
use super::send::Sent;

/// What is known when both consuming processes are gone.
pub(super) struct Evidence {
    pub(super) plan: Plan,
    pub(super) names: Names,
    pub(super) started: Instant,
    /// In the order of the plan.
    pub(super) sent: Vec<Sent>,
    pub(super) crash: Crash,
    /// What the first process said last.
    pub(super) first: Counts,
    /// What the second process said at its end.
    pub(super) second: Counts,
    /// The table at the end.
    pub(super) kept: Fleet,
    pub(super) letters: Vec<Letter>,
    /// Log lines of the handler, both processes.
    pub(super) lines: Vec<Line>,
    /// The second act.
    pub(super) comeback: Comeback,
}

/// The moment between the two processes.
#[derive(Clone, Debug, Default)]
pub(super) struct Crash {
    pub(super) at: Instant,
    pub(super) restarted: Instant,
    /// Flights in the table: what the first process left on disk.
    pub(super) durable: u64,
    /// Offsets that the group had committed, by partition.
    pub(super) committed: BTreeMap<i32, i64>,
}

impl Crash {
    /// Whether a record is behind a commit, so that the second process never sees it.
    pub(super) fn is_committed(&self, sent: &Sent) -> bool {
        self.committed.get(&sent.record.partition).is_some_and(|next| sent.offset < *next)
    }
}

impl Evidence {
    pub(super) fn flight(&self, sent: &Sent) -> &Flight {
        &self.plan.flights[sent.record.flight]
    }

    /// What was sent, by partition and offset.
    pub(super) fn by_place(&self) -> HashMap<(i32, i64), &Sent> {
        self.sent.iter().map(|sent| ((sent.record.partition, sent.offset), sent)).collect()
    }

    /// Handler calls of the first process that succeeded.
    pub(super) fn recorded_before_crash(&self) -> u64 {
        super::numbers::len(self.lines.iter().filter(|line| line.process == 1 && !line.failed).count())
    }
}
