//! A partition comes, catches up, or is gone at once.

use crate::deadline::Due;
use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Assignment, Effect};

impl Engine {
    pub(crate) fn assigned(&mut self, assignment: Assignment) {
        let (id, epoch) = (assignment.partition, assignment.epoch);
        if self.partitions.knows(id, epoch) {
            return;
        }
        // Whoever assigns anew without taking back has lost what was.
        if let Some(last) = self.partitions.last_epoch(id) {
            self.end(id, last);
        }
        self.end_dispute(id);
        self.partitions.insert(assignment, self.now);
        if assignment.ledger {
            self.read_ledger(id, epoch);
        } else {
            self.out.push(Effect::CatchUp { partition: id, epoch, claim: None });
        }
        self.flow_all();
    }

    pub(crate) fn caught_up(&mut self, id: PartitionId, epoch: Epoch, remembered: Option<Offset>) {
        let Some(partition) = self.partitions.current(id, epoch).filter(|partition| partition.state == State::CatchingUp) else { return };
        partition.state = State::Running;
        let end = partition.early_end.take();
        if !partition.halted {
            self.check_start(id.0, remembered);
        }
        self.start(id.0);
        if let Some(end) = end {
            self.reached_end(id, epoch, end);
        }
        self.schedule_commit(id.0);
        self.finish_may_be_due = true;
    }

    /// Looks up what arrived meanwhile, and lets its lanes move.
    fn start(&mut self, index: u32) {
        let live = self.live(index);
        for &(slot, _) in &live {
            if self.is_known(index, self.deliveries[slot].offset) {
                self.leave_ring(slot);
                self.deliveries[slot].stage = Stage::Known;
            }
        }
        for &(slot, _) in &live {
            if self.deliveries[slot].stage == Stage::Queued {
                self.look_up(slot);
            }
        }
        for (_, lane) in live {
            self.settle(lane);
        }
        self.enlist_all(index);
        self.begin_cleaning(index);
    }

    pub(crate) fn lost(&mut self, id: PartitionId, epoch: Epoch) {
        if self.partitions.last_epoch(id) == Some(epoch) {
            self.end_dispute(id);
            self.end(id, epoch);
            self.flow_all();
        }
    }

    /// Ends the latest epoch of a partition on the spot: nothing but farewells comes out. That it is decided to be released makes no
    /// difference as long as nobody was told: the order is recalled with the others.
    fn end(&mut self, id: PartitionId, epoch: Epoch) {
        let next = self.partitions.current(id, epoch).map(|partition| partition.window.next());
        self.abandon_where(id.0, |_| true);
        self.forget_partition(id.0);
        self.out.recall(&self.deliveries, Some((id, epoch)));
        if let Some(next) = next.filter(|_| self.bugs.has(Sabotage::CommitAfterRelease)) {
            self.out.push(Effect::Commit { partition: id, epoch, next });
        }
    }

    /// Takes a partition without deliveries out of the tables.
    pub(crate) fn forget_partition(&mut self, index: u32) {
        self.cancel_commit(index);
        let Some(partition) = self.partitions.remove(index) else { return };
        if let Some(book) = &partition.book {
            self.totals.letters -= u32::try_from(book.fetching.len()).unwrap_or(u32::MAX);
            // Their room is free for letters of other partitions.
            self.replays_due = true;
            if let Some(due) = book.pace.due {
                self.deadlines.remove(due, Due::Replay(index));
            }
            if let Some(due) = book.clean {
                self.deadlines.remove(due, Due::Clean(index));
            }
        }
        debug_assert_eq!((partition.records, partition.bytes), (0, 0), "nothing of a partition outlives it");
        if let State::Draining { deadline, .. } = partition.state {
            self.deadlines.remove(deadline, Due::Drained(index));
        }
        self.finish_may_be_due = true;
    }
}
