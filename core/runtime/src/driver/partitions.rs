//! The names behind the engine's partition numbers.

use std::sync::Arc;

use onceward_engine::{Epoch, Offset, PartitionId};

use crate::event::Place;
use crate::inbox::PartitionName;

/// What the loop knows of each partition that was ever assigned.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    entries: Vec<Option<Entry>>,
}

/// One partition.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: PartitionName,
    pub(crate) place: Arc<Place>,
    pub(crate) epoch: Epoch,
    /// Where reading began.
    pub(crate) from: Offset,
    /// Behind the newest record, as far as is known.
    pub(crate) newest: Offset,
    /// The offset whose commit was refused last.
    pub(crate) refused: Option<Offset>,
    /// Whether the epoch is not over.
    pub(crate) live: bool,
    /// Whether its companions may have no partition of its number: nothing of it is handled until they do.
    pub(crate) narrow: bool,
}

impl Partitions {
    pub(crate) fn assign(&mut self, partition: PartitionId, entry: Entry) {
        let index = partition.0 as usize;
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || None);
        }
        self.entries[index] = Some(entry);
    }

    pub(crate) fn get(&self, partition: PartitionId) -> Option<&Entry> {
        self.entries.get(partition.0 as usize)?.as_ref()
    }

    pub(crate) fn name(&self, partition: PartitionId) -> Option<&PartitionName> {
        self.get(partition).map(|entry| &entry.name)
    }

    /// Nothing of this assignment is started any more: a run of many events stops between two of them.
    pub(crate) fn stop_starting(&self, partition: PartitionId, epoch: Epoch) {
        if let Some(entry) = self.get(partition).filter(|entry| entry.epoch == epoch) {
            entry.place.give_up();
        }
    }

    /// The partition's log reaches further than was known.
    pub(crate) fn grown(&mut self, partition: PartitionId, epoch: Epoch, newest: Offset) {
        if let Some(Some(entry)) = self.entries.get_mut(partition.0 as usize)
            && entry.epoch == epoch
        {
            entry.newest = entry.newest.max(newest);
        }
    }

    /// A commit was refused; whether it is news, since the latest refusal was that of another offset.
    pub(crate) fn refused(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) -> bool {
        match self.entries.get_mut(partition.0 as usize) {
            Some(Some(entry)) if entry.epoch == epoch => entry.refused.replace(next) != Some(next),
            _ => true,
        }
    }

    /// Ends an epoch, whose place is the answer; an older one than the current changes nothing.
    pub(crate) fn end(&mut self, partition: PartitionId, epoch: Epoch) -> Option<Arc<Place>> {
        let entry = self.entries.get_mut(partition.0 as usize)?.as_mut().filter(|entry| entry.epoch == epoch)?;
        entry.live = false;
        entry.place.end();
        Some(Arc::clone(&entry.place))
    }

    /// The companions of a topic fit: its partitions that waited for that.
    pub(crate) fn widen(&mut self, topic: &str) -> Vec<(PartitionId, Epoch)> {
        let mut waited = Vec::new();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            if let Some(entry) = entry.as_mut().filter(|entry| entry.live && entry.narrow && *entry.name.topic == *topic) {
                entry.narrow = false;
                waited.push((PartitionId(u32::try_from(index).unwrap_or(u32::MAX)), entry.epoch));
            }
        }
        waited
    }

    /// All assignments that are not over.
    pub(crate) fn live(&self) -> impl Iterator<Item = (PartitionId, Epoch)> + '_ {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let entry = entry.as_ref().filter(|entry| entry.live)?;
            Some((PartitionId(u32::try_from(index).unwrap_or(u32::MAX)), entry.epoch))
        })
    }

    /// `topic/number`, for people.
    pub(crate) fn display(&self, partition: PartitionId) -> String {
        self.get(partition)
            .map_or_else(|| format!("partition #{}", partition.0), |entry| format!("{}/{}", entry.name.topic, entry.name.number))
    }
}
