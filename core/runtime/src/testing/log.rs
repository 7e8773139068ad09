//! Topics: what lies in Kafka.

use std::collections::BTreeMap;

use super::found::Position;
use super::partitioner;
use crate::letter::HeaderBytes;

/// A record in its partition.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<HeaderBytes>,
    pub(super) timestamp: i64,
}

/// All topics. One that nobody made has as many partitions as it is told, or one.
#[derive(Debug)]
pub(super) struct Log {
    topics: BTreeMap<String, Vec<Vec<Stored>>>,
    counts: BTreeMap<String, i32>,
    /// For records without a key.
    random: u64,
}

impl Log {
    pub(super) fn new(counts: BTreeMap<String, i32>, seed: u64) -> Self {
        Self { topics: BTreeMap::new(), counts, random: seed }
    }

    pub(super) fn partitions(&self, topic: &str) -> i32 {
        self.counts.get(topic).copied().unwrap_or(1)
    }

    /// A companion has as many partitions as its source.
    pub(super) fn like(&mut self, topic: &str, source: &str) {
        let count = self.partitions(source);
        self.counts.insert(topic.to_owned(), count);
    }

    pub(super) fn partition(&self, topic: &str, number: i32) -> &[Stored] {
        let found = self.topics.get(topic).zip(usize::try_from(number).ok());
        found.and_then(|(partitions, number)| partitions.get(number)).map(Vec::as_slice).unwrap_or_default()
    }

    /// Behind the newest record.
    pub(super) fn end(&self, topic: &str, number: i32) -> i64 {
        i64::try_from(self.partition(topic, number).len()).unwrap_or(i64::MAX)
    }

    /// Puts a record where its key belongs, or where it is told. `None`: there is no such partition.
    pub(super) fn append(&mut self, topic: &str, number: Option<i32>, record: Stored) -> Option<Position> {
        let count = self.partitions(topic);
        let number = number.unwrap_or_else(|| match &record.key {
            Some(key) => partitioner::partition(key, count),
            None => i32::try_from(self.next_random() % u64::from(count.unsigned_abs().max(1))).unwrap_or(0),
        });
        if number >= count {
            return None;
        }
        let index = usize::try_from(number).ok()?;
        let partitions = self.topics.entry(topic.to_owned()).or_default();
        if partitions.len() <= index {
            partitions.resize_with(index + 1, Vec::new);
        }
        partitions[index].push(record);
        let offset = i64::try_from(partitions[index].len()).unwrap_or(i64::MAX) - 1;
        Some(Position { topic: topic.to_owned(), partition: number, offset })
    }

    pub(super) fn at(&self, position: &Position) -> Option<&Stored> {
        self.partition(&position.topic, position.partition).get(usize::try_from(position.offset).ok()?)
    }

    /// SplitMix64: short, and the same everywhere.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
