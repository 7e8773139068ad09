//! Partitions that somebody else claimed while the group says that they are ours: nothing of them is handed over, until the group takes them
//! away or they are begun with anew.

use onceward_engine::{Epoch, PartitionId};

use super::poll::Poll;
use super::rebalance::begin;
use super::start::{Question, Start};
use super::table::State;

/// Partitions that are to be begun with anew, under the number of the question where they start.
#[derive(Default)]
pub(super) struct Disowned {
    asked: Vec<(u64, usize, Epoch)>,
}

impl Disowned {
    /// Who asked this question, if it was about such a partition.
    pub(super) fn take(&mut self, number: u64) -> Option<(usize, Epoch)> {
        let at = self.asked.iter().position(|asked| asked.0 == number)?;
        let (_, index, epoch) = self.asked.swap_remove(at);
        Some((index, epoch))
    }
}

impl Poll {
    /// The driver is done with it. Where the group has asked for it back, that is the answer.
    pub(super) fn disown(&mut self, partition: PartitionId, epoch: Epoch) {
        self.release(partition, epoch);
        if let Some(slot) = self.table.live(partition, epoch) {
            slot.state = State::Disowned;
            slot.stash.clear();
            slot.seek = None;
        }
    }

    pub(super) fn reassign(&mut self, partition: PartitionId, epoch: Epoch) {
        let index = partition.0 as usize;
        let Some(slot) = self.table.slots.get(index).filter(|slot| slot.state == State::Disowned && slot.epoch == epoch) else { return };
        let places = vec![slot.place.clone()];
        let number = self.rebalance.question();
        self.disowned.asked.push((number, index, epoch));
        self.asker.ask(Question::Start { number, places });
    }

    /// The answer to where it starts. librdkafka has it assigned: it is made to read from there.
    pub(super) fn begin_again(&mut self, (index, epoch): (usize, Epoch), starts: &[Start]) {
        let slot = &self.table.slots[index];
        let stopped = slot.stopped;
        let ours = slot.state == State::Disowned && slot.epoch == epoch && slot.native;
        let Some(start) = starts.first().filter(|_| ours) else { return };
        match begin(start, self.settings.reset) {
            Ok(begin) => {
                self.begin_partition(index, start, &begin);
                let slot = &mut self.table.slots[index];
                (slot.seek, slot.stopped) = (Some(begin.native), stopped);
            }
            Err(error) => self.fail(error),
        }
    }
}
