//! Assignments: an event only takes a note; librdkafka is answered when the driver, or the broker, has said what is needed.
//!
//! librdkafka sends one such event at a time and waits for our call to assign or unassign before the next. A revocation is answered for all
//! its partitions at once, when the last of them is drained: the member rejoins with that answer, and a partition that it still claimed
//! then would stay with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{Consumer as _, RebalanceProtocol};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::pause::{list, offsets};
use super::poll::Poll;
use super::start::{Place, Question, Start};
use super::sys::Event;
use super::table::State;
use super::{OffsetReset, SourceFact, fault};
use crate::inbox::PartitionName;

/// Beyond the drain deadline the driver gets this long to say that it is done.
const GRACE: Duration = Duration::from_secs(5);

/// Notes of rebalances that are not answered yet.
#[derive(Default)]
pub(super) struct Rebalance {
    epochs: u64,
    questions: u64,
    /// Partitions that wait to learn where they start, under the number of the question.
    pub(super) assigning: Option<(u64, Vec<Place>)>,
    pub(super) revoking: Option<Revoking>,
}

impl Rebalance {
    /// The number of a new question about where partitions start.
    pub(super) fn question(&mut self) -> u64 {
        self.questions += 1;
        self.questions
    }

    /// Whether librdkafka waits for an answer.
    pub(super) fn is_open(&self) -> bool {
        self.assigning.is_some() || self.revoking.is_some()
    }
}

/// Partitions that the group wants back.
pub(super) struct Revoking {
    indices: Vec<usize>,
    deadline: Instant,
}

/// Where a partition begins.
pub(crate) struct Begin {
    pub(crate) from: i64,
    pub(crate) committed: bool,
    /// Where librdkafka begins: behind a gap.
    pub(crate) native: i64,
}

impl Poll {
    pub(super) fn rebalanced(&mut self, event: &Event) {
        let places: Vec<Place> = event.places().into_iter().map(|place| (place.topic.into(), place.partition)).collect();
        match event.error() {
            Some(RDKafkaErrorCode::AssignPartitions) => self.assigned(places),
            Some(RDKafkaErrorCode::RevokePartitions) => self.revoked(&places),
            other => self.say(SourceFact::notice(format!("the group's rebalance failed: {other:?}"))),
        }
    }

    fn assigned(&mut self, mut places: Vec<Place>) {
        self.alive();
        let indices: Vec<usize> = places.iter().filter_map(|(topic, partition)| self.table.intern(topic, *partition)).collect();
        // The group gives back to us what it took a moment ago: the earlier assignment is over, drained or not.
        self.lose(&indices);
        if let Some((_, earlier)) = self.rebalance.assigning.take() {
            places.extend(earlier);
            places.sort();
            places.dedup();
        }
        let number = self.rebalance.question();
        self.rebalance.assigning = Some((number, places.clone()));
        if places.is_empty() {
            return self.start_partitions(number, &[]);
        }
        self.asker.ask(Question::Start { number, places });
    }

    /// The answer to where partitions start.
    pub(super) fn start_partitions(&mut self, number: u64, starts: &[Start]) {
        if self.rebalance.assigning.as_ref().is_none_or(|(current, _)| *current != number) {
            return;
        }
        self.rebalance.assigning = None;
        let mut natives = Vec::with_capacity(starts.len());
        let mut begun = Vec::with_capacity(starts.len());
        for start in starts {
            let (topic, partition) = &start.place;
            let Some(index) = self.table.intern(topic, *partition) else {
                // The group gave us a topic we have no settings for; librdkafka must be told something, and nothing of it is handed over.
                natives.push((start.place.clone(), start.end));
                continue;
            };
            let begin = begin(start, self.settings.reset);
            natives.push((start.place.clone(), begin.as_ref().map_or(start.end, |begin| begin.native)));
            match begin {
                Ok(begin) => begun.push((index, start, begin)),
                Err(error) => self.fail(error),
            }
        }
        let stale: Vec<usize> = begun.iter().map(|&(index, ..)| index).filter(|&index| self.table.slots[index].paused).collect();
        // librdkafka keeps the pause flag of a partition that went and came back.
        self.set_paused(&stale, false);
        let answer = offsets(natives.iter().map(|(place, offset)| (place, *offset))).and_then(|list| self.assign(&list));
        if let Err(error) = answer {
            return self.say(SourceFact::notice(format!("the assignment was not taken: {error}")));
        }
        // Also those that were refused: librdkafka has them, and wants them given back.
        for start in starts {
            if let Some(index) = self.table.intern(&start.place.0, start.place.1) {
                self.table.slots[index].native = true;
            }
        }
        for (index, start, begin) in begun {
            self.begin_partition(index, start, &begin);
        }
        let mut widened: Vec<_> =
            starts.iter().filter(|start| start.grown && start.committed.is_none()).map(|start| &start.place.0).collect();
        widened.sort();
        widened.dedup();
        for topic in widened {
            self.say(SourceFact::Widened { topic: Arc::clone(topic) });
        }
    }

    pub(super) fn begin_partition(&mut self, index: usize, start: &Start, begin: &Begin) {
        self.rebalance.epochs += 1;
        let slot = &mut self.table.slots[index];
        slot.epoch = Epoch(self.rebalance.epochs);
        slot.state = State::Active;
        slot.position = begin.native;
        slot.newest = start.end;
        slot.held = false;
        slot.stash.clear();
        (slot.seek, slot.stopped) = (None, false);
        let (partition, epoch, policy) = (slot.id, slot.epoch, self.settings.topics[slot.topic].policy);
        let (topic, number) = start.place.clone();
        self.say(SourceFact::Assigned {
            partition,
            epoch,
            name: PartitionName { topic, topic_id: start.topic_id, number },
            from: Offset(begin.from),
            committed: begin.committed,
            oldest: Offset(start.oldest),
            newest: Offset(start.end),
            policy,
            grown: start.grown && start.committed.is_none(),
        });
        if begin.from < begin.native {
            self.say(SourceFact::Gap { partition, epoch, from: Offset(begin.from), to: Offset(begin.native) });
        }
    }

    fn revoked(&mut self, places: &[Place]) {
        // Records fetched before must not come after the news that their partition goes.
        self.hand_over();
        let lost = self.consumer.assignment_lost();
        let mut indices: Vec<usize> = places.iter().filter_map(|(topic, partition)| self.table.intern(topic, *partition)).collect();
        if lost {
            self.lose(&indices);
        } else {
            for &index in &indices {
                if self.table.slots[index].state == State::Disowned {
                    self.lose(&[index]);
                }
                let slot = &mut self.table.slots[index];
                if slot.state == State::Active {
                    slot.state = State::Revoking;
                    slot.stash.clear();
                    let fact = SourceFact::Revoking { partition: slot.id, epoch: slot.epoch };
                    self.say(fact);
                }
            }
        }
        if let Some(earlier) = self.rebalance.revoking.take() {
            indices.extend(earlier.indices);
        }
        self.rebalance.revoking = Some(Revoking { indices, deadline: Instant::now() + self.settings.drain + GRACE });
        self.serve_rebalance();
    }

    /// The driver has drained a partition.
    pub(super) fn release(&mut self, partition: PartitionId, epoch: Epoch) {
        if let Some(slot) = self.table.live(partition, epoch)
            && slot.state == State::Revoking
        {
            slot.state = State::Away;
        }
    }

    /// Gives partitions back once all of them are drained, lost or out of time.
    pub(super) fn serve_rebalance(&mut self) {
        let Some(revoking) = self.rebalance.revoking.take() else { return };
        if revoking.indices.iter().any(|&index| self.table.slots[index].state == State::Revoking) {
            if self.consumer.assignment_lost() {
                self.lose(&revoking.indices);
            } else if revoking.deadline <= Instant::now() {
                self.say(SourceFact::notice("partitions were not drained in time; they are given back as they are".to_owned()));
                self.lose(&revoking.indices);
            } else {
                self.rebalance.revoking = Some(revoking);
                return;
            }
        }
        self.give_back(&revoking.indices);
    }

    /// Ends the epochs of partitions that are gone.
    pub(super) fn lose(&mut self, indices: &[usize]) {
        self.hand_over();
        for &index in indices {
            let slot = &mut self.table.slots[index];
            if slot.state != State::Away {
                slot.state = State::Away;
                slot.stash.clear();
                let fact = SourceFact::Lost { partition: slot.id, epoch: slot.epoch };
                self.say(fact);
            }
        }
    }

    pub(super) fn give_back(&mut self, indices: &[usize]) {
        let native: Vec<usize> = indices.iter().copied().filter(|&index| self.table.slots[index].native).collect();
        let list = list(native.iter().map(|&index| &self.table.slots[index].place));
        let answer = match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_unassign(&list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.unassign(),
        };
        if let Err(error) = answer {
            self.say(SourceFact::notice(format!("giving partitions back failed: {error}")));
        }
        for index in native {
            self.table.slots[index].native = false;
        }
    }

    pub(super) fn assign(&self, list: &TopicPartitionList) -> Result<(), KafkaError> {
        match self.consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => self.consumer.incremental_assign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => self.consumer.assign(list),
        }
    }
}

pub(crate) fn begin(start: &Start, reset: OffsetReset) -> Result<Begin, crate::Error> {
    if let Some(from) = start.committed {
        return Ok(Begin { from, committed: true, native: from.max(start.oldest) });
    }
    let from = match reset {
        _ if start.grown || start.fresh => start.oldest,
        OffsetReset::Earliest => start.oldest,
        OffsetReset::Latest => start.end,
        OffsetReset::Error => {
            return Err(fault::broker(
                format!("starting in {}[{}]", start.place.0, start.place.1),
                "the group has no committed offset there, and `auto_offset_reset` is `error`",
                "Set `auto_offset_reset` to `earliest` or `latest`, or commit an offset for the group",
            ));
        }
    };
    Ok(Begin { from, committed: false, native: from })
}
