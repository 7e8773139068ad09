//! Partitions by number: what the poll thread knows of each.

use std::sync::Arc;

use onceward_engine::{Epoch, PartitionId};

use super::TopicSettings;
use super::start::Place;
use super::stash::Stash;

/// One partition, for the life of the process.
pub(super) struct Slot {
    pub(super) id: PartitionId,
    pub(super) place: Place,
    /// Index into the topics of the settings.
    pub(super) topic: usize,
    /// Of the current assignment, or the last one.
    pub(super) epoch: Epoch,
    pub(super) state: State,
    /// Whether librdkafka has it assigned: what may be given back.
    pub(super) native: bool,
    /// The next offset to read.
    pub(super) position: i64,
    /// Behind the newest record, as last reported.
    pub(super) newest: i64,
    /// Whether the driver wants no more of it for now.
    pub(super) held: bool,
    /// What was fetched and is not wanted yet.
    pub(super) stash: Stash,
    /// Whether it is paused in librdkafka.
    pub(super) paused: bool,
    /// Whether librdkafka stopped it because its position is not in the log.
    pub(super) stopped: bool,
    /// A seek that librdkafka was not ready for.
    pub(super) seek: Option<i64>,
}

/// Whose a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Not ours, as far as the driver knows.
    Away,
    /// Ours; its records are handed over.
    Active,
    /// Ours until the driver has drained it.
    Revoking,
    /// Ours as far as the group says; the driver wants nothing of it.
    Disowned,
}

impl Slot {
    /// Whether orders and commits of this epoch still count.
    pub(super) fn is_live(&self, epoch: Epoch) -> bool {
        self.epoch == epoch && matches!(self.state, State::Active | State::Revoking)
    }
}

/// All partitions ever seen, and the way to them.
pub(super) struct Table {
    pub(super) slots: Vec<Slot>,
    topics: Vec<Topic>,
    /// Records of one topic come in rows.
    last: usize,
}

struct Topic {
    name: Arc<str>,
    /// By partition number.
    slots: Vec<Option<u32>>,
}

impl Table {
    pub(super) fn new(topics: &[TopicSettings]) -> Self {
        let mut table = Self { slots: Vec::new(), topics: Vec::new(), last: 0 };
        topics.iter().for_each(|topic| table.add(&topic.name));
        table
    }

    /// One topic more, behind those that are there: their indexes stay.
    pub(super) fn add(&mut self, topic: &str) {
        self.topics.push(Topic { name: topic.into(), slots: Vec::new() });
    }

    /// The index of a partition that was seen before.
    pub(super) fn find(&mut self, topic: &[u8], partition: i32) -> Option<usize> {
        if self.topics.get(self.last).is_none_or(|last| last.name.as_bytes() != topic) {
            self.last = self.topics.iter().position(|candidate| candidate.name.as_bytes() == topic)?;
        }
        let slots = &self.topics[self.last].slots;
        slots.get(usize::try_from(partition).ok()?).copied().flatten().map(|index| index as usize)
    }

    /// The index of a partition, new or known. `None` for a topic that is not ours.
    pub(super) fn intern(&mut self, topic: &str, partition: i32) -> Option<usize> {
        if let Some(index) = self.find(topic.as_bytes(), partition) {
            return Some(index);
        }
        let at = self.topics.iter().position(|candidate| &*candidate.name == topic)?;
        let number = usize::try_from(partition).ok()?;
        let index = u32::try_from(self.slots.len()).ok()?;
        let entry = &mut self.topics[at];
        if entry.slots.len() <= number {
            entry.slots.resize(number + 1, None);
        }
        entry.slots[number] = Some(index);
        self.slots.push(Slot {
            id: PartitionId(index),
            place: (Arc::clone(&entry.name), partition),
            topic: at,
            epoch: Epoch::default(),
            state: State::Away,
            native: false,
            position: 0,
            newest: 0,
            held: false,
            stash: Stash::default(),
            paused: false,
            stopped: false,
            seek: None,
        });
        Some(index as usize)
    }

    /// The slot of a partition, if this epoch of it is not over.
    pub(super) fn live(&mut self, partition: PartitionId, epoch: Epoch) -> Option<&mut Slot> {
        self.slots.get_mut(partition.0 as usize).filter(|slot| slot.is_live(epoch))
    }
}
