//! When the watermark is committed: at intervals, one commit at a time, and at once where somebody waits for it.

use crate::Effect;
use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId, Timestamp};
use crate::partition::{Partition, State};
use crate::sabotage::Sabotage;

/// How long after a refusal the last commit of a partition is asked for again, in milliseconds: brokers refuse for a moment while a group
/// rebalances or its coordinator moves.
const AGAIN: u64 = 100;

/// The commits of one assignment.
#[derive(Clone, Debug)]
pub(crate) struct Commits {
    /// What the broker has, as far as we know.
    acknowledged: Offset,
    /// What it was asked to store.
    outstanding: Option<Offset>,
    /// When it was last asked.
    last: Timestamp,
    /// When it is asked next.
    due: Option<Timestamp>,
    /// The commit before the release was asked for.
    pub(crate) last_one: bool,
    /// The latest answer was a refusal: then nothing is asked for ahead of the interval.
    refused: bool,
}

impl Commits {
    /// Where reading starts counts as acknowledged: committing it again would say nothing new.
    pub(crate) fn new(from: Offset, now: Timestamp) -> Self {
        Self { acknowledged: from, outstanding: None, last: now, due: None, last_one: false, refused: false }
    }

    /// A commit is asked for that is not the watermark's.
    pub(crate) fn begin(&mut self, next: Offset, now: Timestamp) {
        (self.outstanding, self.last) = (Some(next), now);
    }

    /// It is asked for at that time.
    pub(crate) fn ask_at(&mut self, at: Timestamp) {
        self.due = Some(at);
    }

    pub(crate) fn is_outstanding(&self) -> bool {
        self.outstanding.is_some()
    }

    pub(crate) fn has(&self, next: Offset) -> bool {
        self.acknowledged >= next
    }

    /// What the broker has for certain.
    pub(crate) fn acknowledged(&self) -> Offset {
        self.acknowledged
    }

    pub(crate) fn is_due(&self) -> bool {
        self.due.is_some()
    }
}

impl Engine {
    /// The watermark moved, or a commit was answered: sees to it that the next commit is due.
    pub(crate) fn schedule_commit(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index) else { return };
        if partition.state != State::Running || partition.commits.is_outstanding() || partition.commits.has(self.safe(partition)) {
            return;
        }
        let hurry = self.settings.until_end && partition.at_end && partition.window.is_clear() && !partition.commits.refused;
        let regular = partition.commits.last.after(self.settings.commit_interval);
        let at = if hurry { self.now } else { regular.max(self.now) };
        match partition.commits.due {
            Some(due) if due <= at => return,
            Some(due) => self.deadlines.remove(due, Due::Commit(index)),
            None => {}
        }
        self.deadlines.add(at, Due::Commit(index));
        if let Some(partition) = self.partitions.get_mut(index) {
            partition.commits.due = Some(at);
        }
    }

    /// What may be committed now.
    pub(crate) fn safe(&self, partition: &Partition) -> Offset {
        if self.bugs.has(Sabotage::CommitPastGap) { partition.window.position() } else { partition.window.next() }
    }

    /// Asks for a commit of the watermark.
    pub(crate) fn commit(&mut self, index: u32) {
        self.cancel_commit(index);
        let Some(next) = self.partitions.get(index).map(|partition| self.safe(partition)) else { return };
        let Some(partition) = self.partitions.get_mut(index) else { return };
        debug_assert!(!partition.commits.is_outstanding(), "one commit at a time");
        partition.commits.outstanding = Some(next);
        partition.commits.last = self.now;
        self.out.push(Effect::Commit { partition: partition.id, epoch: partition.epoch, next });
    }

    pub(crate) fn committed(&mut self, id: PartitionId, epoch: Epoch, next: Offset) {
        let Some(partition) = self.partitions.current(id, epoch) else { return };
        if partition.commits.outstanding != Some(next) {
            return;
        }
        partition.commits.outstanding = None;
        partition.commits.refused = false;
        partition.commits.acknowledged = partition.commits.acknowledged.max(next);
        if !self.group_answered(id.0, true) {
            self.commit_answered(id.0);
        }
    }

    pub(crate) fn commit_failed(&mut self, id: PartitionId, epoch: Epoch) {
        let Some(partition) = self.partitions.current(id, epoch) else { return };
        if partition.commits.outstanding.take().is_some() {
            partition.commits.refused = true;
            if !self.group_answered(id.0, false) {
                self.ask_again(id.0);
                self.commit_answered(id.0);
            }
        }
    }

    /// Nobody comes after the last commit of an assignment: what it does not store, the next owner reads again. So it is asked for as long
    /// as the drain lasts.
    fn ask_again(&mut self, index: u32) {
        let at = self.now.after(AGAIN);
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let lasts = matches!(partition.state, State::Draining { deadline, .. } if at < deadline);
        if lasts && partition.commits.last_one && !self.bugs.has(Sabotage::LastCommitOnce) {
            partition.commits.due = Some(at);
            self.deadlines.add(at, Due::Commit(index));
        }
    }

    /// No commit is due any more.
    pub(crate) fn cancel_commit(&mut self, index: u32) {
        let Some(partition) = self.partitions.get_mut(index) else { return };
        if let Some(due) = partition.commits.due.take() {
            self.deadlines.remove(due, Due::Commit(index));
        }
    }

    fn commit_answered(&mut self, index: u32) {
        self.finish_may_be_due = true;
        self.schedule_commit(index);
        self.go_on_draining(index);
    }
}
