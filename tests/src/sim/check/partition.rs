//! What the checker knows of one assignment of a partition.

use std::collections::{BTreeMap, VecDeque};

use onceward_engine::{Assignment, DeliveryId, Epoch, Timestamp};

use super::delivery::Lane;

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
    /// Delivered offsets from the watermark on, and whether each is safe.
    pub(super) window: VecDeque<(i64, bool)>,
    /// Where the consumer stood when it last reached the end.
    pub(super) end: Option<i64>,
    pub(super) acknowledged: Option<i64>,
    pub(super) attempted: Option<i64>,
    pub(super) outstanding: Option<i64>,
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
            window: VecDeque::new(),
            end: None,
            acknowledged: assignment.committed.then_some(assignment.from.0),
            attempted: assignment.committed.then_some(assignment.from.0),
            outstanding: None,
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

    /// Marks an offset as safe and moves the watermark.
    pub(super) fn safe(&mut self, offset: i64) {
        if let Ok(at) = self.window.binary_search_by_key(&offset, |entry| entry.0) {
            self.window[at].1 = true;
        }
        while self.window.front().is_some_and(|entry| entry.1) {
            self.window.pop_front();
        }
    }

    /// Offsets below are ignored by decision of the user.
    pub(super) fn skip_to(&mut self, to: i64) {
        self.start = self.start.max(to);
        while self.window.front().is_some_and(|entry| entry.1 || entry.0 < to) {
            self.window.pop_front();
        }
    }

    /// The highest offset that may be committed.
    pub(super) fn watermark(&self) -> i64 {
        let read = self.last.map_or(self.start, |last| last + 1).max(self.start);
        let end = self.end.filter(|&end| end >= read).unwrap_or(read);
        self.window.front().map_or(end, |entry| entry.0)
    }
}
