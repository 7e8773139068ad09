//! Reading to the end.

use crate::Effect;
use crate::engine::Engine;
use crate::ids::{Epoch, Offset, PartitionId};
use crate::partition::{Partition, State};
use crate::sabotage::Sabotage;

impl Engine {
    pub(crate) fn reached_end(&mut self, id: PartitionId, epoch: Epoch, position: Offset) {
        let Some(partition) = self.partitions.current(id, epoch).filter(|partition| !partition.is_stopping()) else { return };
        if position < partition.window.position() {
            return;
        }
        if partition.state == State::CatchingUp {
            partition.early_end = Some(position);
            return;
        }
        // Behind the last record there may be transaction markers: nothing there will ever be delivered.
        partition.window.advance_to(position);
        partition.at_end = true;
        self.finish_may_be_due = true;
        self.unpark(id.0, crate::lane::LaneKey::Alone);
        self.schedule_commit(id.0);
    }

    pub(crate) fn finish(&mut self) {
        if !self.settings.until_end
            || self.finished
            || !std::mem::take(&mut self.finish_may_be_due)
            || self.partitions.assigned == 0
            || !self.disputes.is_empty()
        {
            return;
        }
        if self.partitions.iter().all(|partition| self.is_finished(partition)) {
            self.finished = true;
            self.out.push(Effect::Finished);
        }
    }

    fn is_finished(&self, partition: &Partition) -> bool {
        let committed = partition.commits.has(partition.window.position()) || self.bugs.has(Sabotage::FinishedEarly);
        let idle = partition.book.as_ref().is_none_or(|book| book.is_idle(partition.window.position()));
        partition.state == State::Running && !partition.halted && partition.at_end && partition.window.is_clear() && committed && idle
    }
}
