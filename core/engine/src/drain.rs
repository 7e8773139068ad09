//! A partition is given back in order: finish what runs, commit, release.

use crate::deadline::Due;
use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::{Epoch, PartitionId, Timestamp};
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Alert, Effect};

impl Engine {
    pub(crate) fn revoking(&mut self, id: PartitionId, epoch: Epoch, until: Timestamp) {
        let index = id.0;
        let Some(partition) = self.partitions.current(id, epoch) else { return self.give_back(id, epoch) };
        let commits_last = match partition.state {
            State::CatchingUp => false,
            State::Running => true,
            State::Draining { deadline, commits_last } => {
                // Asked again, the earlier deadline holds.
                if until < deadline {
                    partition.state = State::Draining { deadline: until, commits_last };
                    self.deadlines.remove(deadline, Due::Drained(index));
                    self.deadlines.add(until, Due::Drained(index));
                }
                return;
            }
        };
        partition.state = State::Draining { deadline: until, commits_last };
        self.deadlines.add(until, Due::Drained(index));
        self.cancel_commit(index);
        if !self.bugs.has(Sabotage::DrainDispatches) {
            self.abandon_idle(index);
        }
        self.go_on_draining(index);
    }

    /// The last commit, once nothing is left, and then the release. No commit is outstanding when a partition is given back.
    pub(crate) fn go_on_draining(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index) else { return };
        let State::Draining { commits_last, .. } = partition.state else { return };
        if partition.records > 0 || partition.commits.is_outstanding() || partition.commits.is_due() {
            return;
        }
        if commits_last && !partition.commits.last_one && !partition.commits.has(self.safe(partition)) {
            self.commit(index);
            if let Some(partition) = self.partitions.get_mut(index) {
                partition.commits.last_one = true;
            }
            return;
        }
        let (partition, epoch) = (partition.id, partition.epoch);
        self.forget_partition(index);
        self.out.push(Effect::Release { partition, epoch });
        self.flow_all();
    }

    pub(crate) fn drain_timed_out(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index) else { return };
        let running = partition.window.live().filter(|&slot| self.deliveries[slot].stage == Stage::Running).count();
        if running > 0 {
            let running = u32::try_from(running).unwrap_or(u32::MAX);
            self.out.push(Effect::Alert(Alert::DrainTimedOut { partition: partition.id, running }));
        }
        self.cancel_commit(index);
        self.abandon_where(index, |_| true);
        self.go_on_draining(index);
    }
}
