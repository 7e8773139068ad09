//! How much may be in memory: a hard budget over all partitions, and a soft share for each, so that one of them can't use it all.

use crate::Effect;
use crate::engine::Engine;
use crate::ids::PartitionId;
use crate::partition::{Partition, State};
use crate::sabotage::Sabotage;

/// Delivered offsets that one partition may keep behind its watermark, in multiples of the credit in records. They cost memory even
/// when they are resolved, and a crash reads them again.
const WINDOW: usize = 8;
/// A pressed partition goes on when one part in so many of its share is free.
const SLACK: u32 = 8;

impl Engine {
    /// How many more records and bytes may be handed in.
    pub(crate) fn room(&self) -> (u32, u64) {
        let credit = self.settings.credit;
        if self.bugs.has(Sabotage::CreditIgnored) {
            return (credit.records, credit.bytes);
        }
        if self.down != 0 {
            return (0, 0);
        }
        let (mut records, mut bytes) = (credit.records, credit.bytes);
        if self.partitions.ledgers > 0 {
            let (letters, letter_bytes) = self.letter_credit();
            records = records.saturating_sub(letters).max(1).saturating_add(self.totals.letters_here);
            bytes = bytes.saturating_sub(letter_bytes).max(1).saturating_add(self.totals.letter_bytes);
        }
        (records.saturating_sub(self.totals.records), bytes.saturating_sub(self.totals.bytes))
    }

    /// Whether a record of so many bytes may be handed in now. One that is larger than the whole budget passes alone: it would wait for ever
    /// otherwise.
    #[must_use]
    pub fn accepts(&self, bytes: u32) -> bool {
        let (records, room) = self.room();
        // Without bytes it takes its place in the budget all the same.
        records > 0 && (u64::from(bytes).max(1) <= room || self.totals.records == 0)
    }

    /// Whether the engine wants no more of a partition for now. One that is not ours, or that is being given back, is not paused: what comes
    /// of it is forgotten.
    #[must_use]
    pub fn is_paused(&self, partition: PartitionId) -> bool {
        self.partitions.get(partition.0).is_some_and(|partition| partition.paused && !partition.is_stopping())
    }

    pub(crate) fn set_down(&mut self, down: u8) {
        if self.down != down {
            self.down = down;
            self.flow_all();
        }
    }

    /// Stops or starts the fetching of every partition: their number, or something outside, changed.
    pub(crate) fn flow_all(&mut self) {
        for index in 0..self.partitions.bound() {
            self.flow(index);
        }
    }

    /// Stops or starts the fetching of a partition. Between its share and a little below it nothing changes, so that it does not flutter.
    pub(crate) fn flow(&mut self, index: u32) {
        let Some(partition) = self.partitions.get(index) else { return };
        if matches!(partition.state, State::Draining { .. }) {
            return;
        }
        let pressed = self.is_pressed(partition);
        let paused = pressed || partition.halted || self.down != 0;
        let Some(partition) = self.partitions.get_mut(index) else { return };
        partition.pressed = pressed;
        if partition.paused != paused {
            partition.paused = paused;
            let (partition, epoch) = (partition.id, partition.epoch);
            self.out.push(if paused { Effect::Pause { partition, epoch } } else { Effect::Resume { partition, epoch } });
        }
    }

    fn is_pressed(&self, partition: &Partition) -> bool {
        if self.bugs.has(Sabotage::CreditIgnored) {
            return false;
        }
        let partitions = self.partitions.assigned.max(1);
        let records = (self.settings.credit.records / partitions).max(1);
        let bytes = (self.settings.credit.bytes / u64::from(partitions)).max(1);
        let window = (self.settings.credit.records as usize).max(1).saturating_mul(WINDOW);
        // What is in flight may all wait behind a few retries, so fetching goes on as soon as a little is free again.
        let (records, bytes, window) = if partition.pressed {
            (records - records / SLACK, bytes - bytes / u64::from(SLACK), window - window / SLACK as usize)
        } else {
            (records, bytes, window)
        };
        partition.records >= records || partition.bytes >= bytes || partition.window.len() >= window
    }
}
