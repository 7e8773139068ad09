//! What the engine knows of one assigned partition, and the table of them.

use crate::book::Book;
use crate::commit::Commits;
use crate::ids::{Epoch, Offset, PartitionId, Timestamp};
use crate::input::Assignment;
use crate::watermark::Window;

/// Where an assignment stands. Released is not a state: the partition is gone then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The inbox has not seen yet what others marked: records are taken in and wait.
    CatchingUp,
    /// Records are handled.
    Running,
    /// The group wants it back: what runs is awaited, nothing starts.
    Draining {
        /// When waiting ends.
        deadline: Timestamp,
        /// Whether the watermark is committed before the release. Not if it never ran: then its position is not ours to commit.
        commits_last: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) id: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) state: State,
    pub(crate) assignment: Assignment,
    /// An alert stopped it: what was queued is dropped, what arrives is refused.
    pub(crate) halted: bool,
    /// Fetching is stopped.
    pub(crate) paused: bool,
    /// It was told to give way: its share of the credit is used, little of it is free again, and others need the room.
    pub(crate) pressed: bool,
    /// Its window is used, and little of it free again.
    pub(crate) full: bool,
    pub(crate) window: Window,
    pub(crate) records: u32,
    pub(crate) bytes: u64,
    /// Nothing lies between the window's position and the partition's end, as far as is known.
    pub(crate) at_end: bool,
    /// The end, reported before the partition caught up: a rewind or a gap must be judged before the reader's position counts.
    pub(crate) early_end: Option<Offset>,
    pub(crate) commits: Commits,
    /// Its ledger, if it has one.
    pub(crate) book: Option<Box<Book>>,
}

impl Partition {
    fn new(assignment: Assignment, now: Timestamp) -> Self {
        Self {
            id: assignment.partition,
            epoch: assignment.epoch,
            state: State::CatchingUp,
            assignment,
            halted: false,
            paused: false,
            pressed: false,
            full: false,
            window: Window::new(assignment.from),
            records: 0,
            bytes: 0,
            at_end: false,
            early_end: None,
            commits: Commits::new(assignment.from, now),
            book: None,
        }
    }

    /// Nothing new may start here.
    pub(crate) fn is_stopping(&self) -> bool {
        self.halted || matches!(self.state, State::Draining { .. })
    }
}

/// Partitions by number, and the highest epoch that each number had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitions {
    entries: Vec<(Option<Epoch>, Option<Box<Partition>>)>,
    pub(crate) assigned: u32,
    pub(crate) halted: u32,
    /// How many of them were told to give way.
    pub(crate) pressed: u32,
    /// How many of them have a ledger.
    pub(crate) ledgers: u32,
}

impl Partitions {
    /// The partition, if this epoch of it is the current one.
    #[inline]
    pub(crate) fn current(&mut self, id: PartitionId, epoch: Epoch) -> Option<&mut Partition> {
        self.get_mut(id.0).filter(|partition| partition.epoch == epoch)
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Partition> {
        self.entries.get(index as usize)?.1.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Partition> {
        self.entries.get_mut(index as usize)?.1.as_deref_mut()
    }

    /// Whether this epoch of the partition was seen before, or a later one.
    pub(crate) fn knows(&self, id: PartitionId, epoch: Epoch) -> bool {
        self.last_epoch(id).is_some_and(|last| last >= epoch)
    }

    /// The latest epoch of a partition, over or not.
    pub(crate) fn last_epoch(&self, id: PartitionId) -> Option<Epoch> {
        self.entries.get(id.0 as usize)?.0
    }

    pub(crate) fn insert(&mut self, assignment: Assignment, now: Timestamp) {
        let index = assignment.partition.0 as usize;
        if index >= self.entries.len() {
            self.entries.resize(index.saturating_add(1), (None, None));
        }
        self.entries[index] = (Some(assignment.epoch), Some(Box::new(Partition::new(assignment, now))));
        self.assigned += 1;
        self.ledgers += u32::from(assignment.ledger);
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<Box<Partition>> {
        let partition = self.entries.get_mut(index as usize)?.1.take()?;
        self.assigned -= 1;
        self.halted -= u32::from(partition.halted);
        self.pressed -= u32::from(partition.pressed);
        self.ledgers -= u32::from(partition.assignment.ledger);
        Some(partition)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.entries.iter().filter_map(|entry| entry.1.as_deref())
    }

    /// One past the highest number ever assigned.
    pub(crate) fn bound(&self) -> u32 {
        self.entries.len() as u32
    }
}
