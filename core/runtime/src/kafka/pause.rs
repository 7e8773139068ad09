//! Pausing and seeking. Pausing throws away what librdkafka has prefetched, so it is done late and undone at once.

use std::time::{Duration, Instant};

use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::{Offset as NativeOffset, TopicPartitionList};

use super::poll::Poll;
use super::table::{Slot, State};
use super::{SourceFact, start::Place};

/// A resume that comes within this time cancels the pause before it had a price.
const DEBOUNCE: Duration = Duration::from_millis(20);

impl Poll {
    pub(super) fn want_pause(&mut self, partition: PartitionId, epoch: Epoch, wanted: bool) {
        if let Some(slot) = self.table.live(partition, epoch) {
            slot.pause_wanted = wanted.then(|| slot.pause_wanted.unwrap_or_else(Instant::now));
        }
    }

    /// Brings librdkafka in line with what is wanted.
    pub(super) fn serve_pauses(&mut self) {
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        for (index, slot) in self.table.slots.iter().enumerate().filter(|(_, slot)| slot.native) {
            let wanted = slot.pause_wanted.is_some_and(|since| since.elapsed() >= DEBOUNCE);
            match (self.held || wanted || slot.state != State::Active, slot.paused) {
                (true, false) => pause.push(index),
                (false, true) => resume.push(index),
                _ => {}
            }
        }
        self.set_paused(&pause, true);
        self.set_paused(&resume, false);
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
        self.hand_over();
        let Some(index) = self.table.find(topic.as_bytes(), partition) else { return };
        let Slot { id, epoch, position, state, .. } = self.table.slots[index];
        if state != State::Active {
            return;
        }
        if (oldest..=end).contains(&position) {
            // The leader that refused it has caught up, or another one leads. Nobody else would start the partition again.
            self.table.slots[index].seek = Some(position);
            return self
                .say(SourceFact::notice(format!("{topic}[{partition}]: offset {position} was refused and is there again; reading on")));
        }
        let to = if position > end { end } else { oldest };
        self.say(SourceFact::Gap { partition: id, epoch, from: Offset(position), to: Offset(to) });
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
