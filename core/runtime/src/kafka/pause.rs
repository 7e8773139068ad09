//! Holding partitions back, and seeking.

use std::time::Duration;

use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as NativeOffset, TopicPartitionList};

use super::poll::Poll;
use super::start::{Place, Question};
use super::table::{Slot, State};
use super::{SourceFact, stash};

impl Poll {
    pub(super) fn hold(&mut self, partition: PartitionId, epoch: Epoch, held: bool) {
        if let Some(slot) = self.table.live(partition, epoch) {
            slot.held = held;
        }
    }

    /// Hands over what waits in stashes, in turns, as far as the driver has room.
    pub(super) fn serve_stashes(&mut self) {
        let ready = |slot: &Slot| !slot.held && slot.state == State::Active && !slot.stash.is_empty();
        if !self.table.slots.iter().any(ready) {
            return;
        }
        // What was built of them before they were held back comes first.
        self.hand_over();
        let count = self.table.slots.len();
        let mut idle = 0;
        while idle < count && !self.is_full() {
            self.turn = (self.turn + 1) % count;
            let slot = &mut self.table.slots[self.turn];
            idle += 1;
            if ready(slot)
                && let Some(fact) = slot.stash.pop()
            {
                idle = 0;
                self.handed += u64::from(matches!(fact, SourceFact::Batch(_)));
                self.say(fact);
            }
        }
    }

    /// Pauses partitions in librdkafka whose stash is full, and resumes them when most of it is handed over.
    pub(super) fn serve_pauses(&mut self) {
        let share = stash::share(self.table.slots.iter().filter(|slot| slot.native).count());
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for (index, slot) in self.table.slots.iter().enumerate().filter(|(_, slot)| slot.native) {
            let active = slot.state == State::Active;
            if !slot.paused && (!active || slot.stash.bytes() >= share) {
                pause.push(index);
            } else if slot.paused && active && slot.stash.bytes() <= share / 4 {
                resume.push(index);
            }
        }
        self.set_paused(&pause, true);
        self.set_paused(&resume, false);
        if !resume.is_empty() {
            // Resuming does not wake librdkafka's broker threads: an idle one would notice after up to half a second.
            let places = resume.iter().map(|&index| self.table.slots[index].place.clone()).collect();
            self.asker.ask(Question::Wake { places });
        }
    }

    pub(super) fn set_paused(&mut self, indices: &[usize], paused: bool) {
        if indices.is_empty() {
            return;
        }
        let list = list(indices.iter().map(|&index| &self.table.slots[index].place));
        let result = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = result {
            self.say(SourceFact::notice(format!("pausing or resuming failed: {error}")));
        }
        for &index in indices {
            self.table.slots[index].paused = paused;
        }
    }

    /// Seeks that were ordered. librdkafka refuses one while it starts or stops a partition; it is asked again on the next turn.
    pub(super) fn serve_seeks(&mut self) {
        for index in 0..self.table.slots.len() {
            let slot = &mut self.table.slots[index];
            let Some(to) = slot.seek else { continue };
            if slot.state == State::Away || !slot.native {
                slot.seek = None;
                continue;
            }
            let (topic, partition) = slot.place.clone();
            if slot.stopped {
                self.start_again(index, to);
                continue;
            }
            match self.consumer.seek(&topic, partition, NativeOffset::Offset(to), Duration::from_millis(500)) {
                Ok(()) => {
                    let slot = &mut self.table.slots[index];
                    slot.seek = None;
                    slot.position = to;
                }
                Err(error) => tracing::debug!(topic = &*topic, partition, to, %error, "seeking again"),
            }
        }
    }

    /// librdkafka stops a partition whose position is not in the log, and refuses to seek in it: only a new assignment starts it again.
    ///
    /// Not while the group rebalances, when the call would be taken for the answer to that.
    fn start_again(&mut self, index: usize, to: i64) {
        if self.rebalance.is_open() {
            return;
        }
        let place = self.table.slots[index].place.clone();
        let answer = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => {
                let again = offsets(std::iter::once((&place, to)));
                let gone = self.consumer.incremental_unassign(&list(std::iter::once(&place)));
                gone.and(again).and_then(|list| self.consumer.incremental_assign(&list))
            }
            RebalanceProtocol::Eager | RebalanceProtocol::None => {
                let native = self.table.slots.iter().filter(|slot| slot.native);
                let all = native.map(|slot| (&slot.place, if slot.place == place { to } else { slot.position }));
                offsets(all).and_then(|list| self.consumer.assign(&list))
            }
        };
        match answer {
            Ok(()) => {
                let slot = &mut self.table.slots[index];
                (slot.seek, slot.stopped, slot.position) = (None, false, to);
            }
            Err(error) => self.say(SourceFact::notice(format!("{}[{}] did not start again: {error}", place.0, place.1))),
        }
    }

    /// The position turned out not to be in the log.
    pub(super) fn out_of_range(&mut self, topic: &str, partition: i32, oldest: i64, end: i64) {
        let Some(index) = self.table.find(topic.as_bytes(), partition) else { return };
        let Slot { id, epoch, position, state, .. } = self.table.slots[index];
        if state != State::Active || self.failed {
            return;
        }
        if (oldest..=end).contains(&position) {
            // The leader that refused it has caught up, or another one leads. Nobody else would start the partition again.
            self.table.slots[index].seek = Some(position);
            return self
                .say(SourceFact::notice(format!("{topic}[{partition}]: offset {position} was refused and is there again; reading on")));
        }
        let to = if position > end { end } else { oldest };
        self.say_in_order(index, SourceFact::Gap { partition: id, epoch, from: Offset(position), to: Offset(to) });
    }
}

/// Partitions as librdkafka wants them.
pub(super) fn list<'a>(places: impl Iterator<Item = &'a Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

/// As [`list`], with offsets.
pub(super) fn offsets<'a>(places: impl Iterator<Item = (&'a Place, i64)>) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in places {
        list.add_partition_offset(topic, *partition, NativeOffset::Offset(offset))?;
    }
    Ok(list)
}
