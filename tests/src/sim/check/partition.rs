//! What the checker knows of one assignment of a partition.

use std::collections::{BTreeMap, VecDeque};

use onceward_engine::{Assignment, DeliveryId, Epoch, Timestamp};

use super::delivery::Lane;

/// How long after a refusal the last commit of a partition must be asked for again.
pub(super) const AGAIN: u64 = 100;

/// The states of a partition, as seen from outside: the columns of the coverage table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Never assigned to this engine.
    None,
    /// Assigned; the inbox has not caught up.
    CatchingUp,
    /// At work.
    Running,
    /// To be given back.
    Draining,
    /// Released or lost.
    Over,
    /// Stopped by a gap or a rewind.
    Halted,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::None, Self::CatchingUp, Self::Running, Self::Draining, Self::Over, Self::Halted];
}

#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub(super) epoch: Epoch,
    pub(super) state: State,
    pub(super) assignment: Assignment,
    /// Where the watermark starts: behind what was skipped or reported as deleted.
    pub(super) start: i64,
    pub(super) last: Option<i64>,
    /// Delivered offsets, and whether each is safe: nothing is lost when it is committed.
    pub(super) window: Window,
    /// The same, and whether each was resolved: it has to be committed before the release.
    pub(super) resolved: Window,
    /// It was at work before it was asked back.
    pub(super) ran: bool,
    /// Where the consumer stood when it last reached the end.
    pub(super) end: Option<i64>,
    pub(super) acknowledged: Option<i64>,
    pub(super) attempted: Option<i64>,
    pub(super) outstanding: Option<i64>,
    /// When the latest commit was refused, unless another one was asked for since.
    pub(super) refused: Option<Timestamp>,
    pub(super) paused: bool,
    pub(super) halted: bool,
    pub(super) deadline: Timestamp,
    /// Deleted ranges that a person has not been told of.
    pub(super) unreported: Vec<(i64, i64)>,
    /// A rewind that a person has not been told of.
    pub(super) rewound: bool,
    pub(super) lanes: BTreeMap<Lane, VecDeque<DeliveryId>>,
    pub(super) live: usize,
}

impl Partition {
    pub(super) fn new(assignment: &Assignment) -> Self {
        Self {
            epoch: assignment.epoch,
            state: State::CatchingUp,
            assignment: *assignment,
            start: assignment.from.0,
            last: None,
            window: Window::default(),
            resolved: Window::default(),
            ran: false,
            end: None,
            acknowledged: assignment.committed.then_some(assignment.from.0),
            attempted: assignment.committed.then_some(assignment.from.0),
            outstanding: None,
            refused: None,
            paused: false,
            halted: false,
            deadline: Timestamp(u64::MAX),
            unreported: Vec::new(),
            rewound: false,
            lanes: BTreeMap::new(),
            live: 0,
        }
    }

    pub(super) fn live_epoch(&self, epoch: Epoch) -> bool {
        self.epoch == epoch && self.state != State::Over
    }

    /// Offsets below are ignored by decision of the user.
    pub(super) fn skip_to(&mut self, to: i64) {
        self.start = self.start.max(to);
        self.window.skip_to(to);
        self.resolved.skip_to(to);
    }

    /// The highest offset that may be committed.
    pub(super) fn watermark(&self) -> i64 {
        let read = self.last.map_or(self.start, |last| last + 1).max(self.start);
        let end = self.end.filter(|&end| end >= read).unwrap_or(read);
        self.window.first().unwrap_or(end)
    }

    /// The last commit was refused, and the drain lasts long enough for another one.
    pub(super) fn asks_again(&self) -> bool {
        self.refused.is_some_and(|at| at.after(AGAIN) < self.deadline)
    }

    /// Behind the last offset that is resolved with all before it.
    pub(super) fn owed(&self) -> i64 {
        let passed = self.resolved.passed.unwrap_or(self.start);
        self.resolved.first().map_or(passed, |open| open.min(passed))
    }
}

/// Offsets that rise, each open or done; those done at the front are dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<(i64, bool)>,
    /// Behind the last offset that was dropped because it was done.
    passed: Option<i64>,
}

impl Window {
    pub(super) fn push(&mut self, offset: i64) {
        self.entries.push_back((offset, false));
    }

    /// How many offsets lie between the first open one and the last.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The first open offset.
    pub(super) fn first(&self) -> Option<i64> {
        self.entries.front().map(|entry| entry.0)
    }

    pub(super) fn done(&mut self, offset: i64) {
        if let Ok(at) = self.entries.binary_search_by_key(&offset, |entry| entry.0) {
            self.entries[at].1 = true;
        }
        self.skip_to(i64::MIN);
    }

    pub(super) fn skip_to(&mut self, to: i64) {
        while let Some(&(offset, done)) = self.entries.front().filter(|entry| entry.1 || entry.0 < to) {
            self.passed = if done { Some(offset + 1) } else { self.passed };
            self.entries.pop_front();
        }
    }
}
