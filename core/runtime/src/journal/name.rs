//! What an event is called in the journal: by its place, which outlives the process, and by its id if it has one.

use onceward_engine::{EventHash, Offset, PartitionId};

use crate::inbox::{Identity, PartitionName};

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    /// Of topic and topic id.
    pub(crate) topic: u64,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// The producer's id, if there is one. Without, the event is known by its place.
    pub(crate) id: Option<EventHash>,
}

/// A topic that is deleted and made again is another one, where brokers have ids for topics.
pub(crate) fn topic_hash(name: &PartitionName) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    hasher.update(&name.topic_id);
    hasher.update(name.topic.as_bytes());
    hasher.digest()
}

impl Name {
    pub(crate) fn new(topic: u64, partition: i32, offset: Offset, identity: Identity) -> Self {
        let id = match identity {
            Identity::Event(id) => Some(id),
            Identity::Coordinates { .. } => None,
        };
        Self { topic, partition, offset: offset.0, id }
    }

    /// What the engine knows the event by, given the partition's number in this process.
    pub(crate) fn event(&self, partition: PartitionId) -> EventHash {
        self.id.unwrap_or_else(|| crate::kafka::coordinates(partition, Offset(self.offset)))
    }
}
