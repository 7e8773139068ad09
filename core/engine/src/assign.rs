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
        self.end(id.0);
        self.partitions.insert(assignment, self.now);
        self.out.push(Effect::CatchUp { partition: id, epoch });
        self.flow_all();
    }

    pub(crate) fn caught_up(&mut self, id: PartitionId, epoch: Epoch, remembered: Option<Offset>) {
        let Some(partition) = self.partitions.current(id, epoch).filter(|partition| partition.state == State::CatchingUp) else { return };
        partition.state = State::Running;
        self.check_start(id.0, remembered);
        self.start(id.0);
        self.schedule_commit(id.0);
        self.finish_may_be_due = true;
    }

    /// Looks up what arrived meanwhile, and lets its lanes move.
    fn start(&mut self, index: u32) {
        let live = self.live(index);
        for &(slot, _) in &live {
            if self.deliveries[slot].stage == Stage::Queued {
                self.look_up(slot);
            }
        }
        for (_, lane) in live {
            self.settle(lane);
        }
    }

    pub(crate) fn lost(&mut self, id: PartitionId, epoch: Epoch) {
        if self.partitions.current(id, epoch).is_some() {
            self.end(id.0);
            self.flow_all();
        }
    }

    /// Ends an epoch on the spot: what it still had in mind is recalled, and nothing but farewells comes out.
    fn end(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index) else { return };
        let over = (partition.id, partition.epoch);
        let next = self.safe(partition);
        self.abandon_where(index, |_| true);
        self.forget_partition(index);
        self.out.recall(&self.deliveries, Some(over));
        if self.bugs.has(Sabotage::CommitAfterRelease) {
            self.out.push(Effect::Commit { partition: over.0, epoch: over.1, next });
        }
    }

    /// Takes a partition without deliveries out of the tables.
    pub(crate) fn forget_partition(&mut self, index: u32) {
        let Some(partition) = self.partitions.remove(index) else { return };
        debug_assert_eq!((partition.records, partition.bytes), (0, 0), "nothing of a partition outlives it");
        if let Some(due) = partition.commits.due() {
            self.deadlines.remove(due, Due::Commit(index));
        }
        if let State::Draining { deadline, .. } = partition.state {
            self.deadlines.remove(deadline, Due::Drained(index));
        }
        self.finish_may_be_due = true;
    }
}
