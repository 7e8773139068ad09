//! How much may be in memory: a budget over all partitions, and a share of it for each, so that one of them can't use it all.
//!
//! Shares shrink when partitions come. What one of them took in before, under a larger share, may stay for hours: its topic is paused, or
//! its events wait. So a newcomer gets its share beside that, or as much as it leaves to those who come after it, and the budget is exceeded
//! until it is resolved, but never by more than itself. Where all of that is used up by what stands still, a partition that has nothing
//! gets one record all the same, out of a third budget: whoever moves goes on moving, if slowly.
//!
//! A partition may use more than its share while nobody misses the room. What could not have a record more then is *pressed*, that is no longer
//! fetched, once records are refused although there is time, and the budget is turning over slowly: then what stands still stands in others' way.
//! When everything moves, waiting a moment is cheaper: a partition that is paused and resumed is read twice from the broker. It goes on when
//! it is well below its share, or when the budget is half free: then nobody needs what it gave up.

use crate::Effect;
use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::PartitionId;
use crate::partition::{Partition, State};
use crate::sabotage::Sabotage;

/// Delivered offsets that one partition may keep behind its watermark, in multiples of the credit in records. They cost memory even
/// when they are resolved, and a crash reads them again.
const WINDOW: usize = 8;
/// How often the credit all partitions together may hold, old and new ones.
const MOST: u32 = 2;
/// The same, where partitions that have nothing get their one record.
const LAST: u32 = 3;
/// A pressed partition goes on when one part in so many of its share is free,
const SLACK: u32 = 8;
/// or one part in so many of the whole budget.
const ROOMY: u32 = 2;
/// How long after a refusal it is looked who stands in the way, in milliseconds.
const PATIENCE: u64 = 20;
/// A budget that needs longer than this to turn over at the rate of that time is standing still, in milliseconds.
const TURNOVER: u64 = 1_000;

/// What is known of a refusal until it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    /// [`Totals::left`](crate::engine::Totals) at that time.
    left: u64,
    bytes: u32,
    /// Deliveries and partitions when whoever is above its share was told to give way: as long as they stay, telling it again brings nothing.
    told: Option<(u32, u32)>,
}

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
        self.left_of(1)
    }

    /// What is left of so many times the credit. Letters that are replayed have a part of it for themselves.
    fn left_of(&self, times: u32) -> (u32, u64) {
        let credit = self.settings.credit;
        let (mut records, mut bytes) = (credit.records.saturating_mul(times), credit.bytes.saturating_mul(u64::from(times)));
        if self.partitions.ledgers > 0 {
            let (letters, letter_bytes) = self.letter_credit();
            records = records.saturating_sub(letters).max(1).saturating_add(self.totals.letters_here);
            bytes = bytes.saturating_sub(letter_bytes).max(1).saturating_add(self.totals.letter_bytes);
        }
        (records.saturating_sub(self.totals.records), bytes.saturating_sub(self.totals.bytes))
    }

    /// Whether a record of so many bytes of this partition may be handed in now: there is room, or the partition is below its own share of
    /// it. One that is larger than the whole budget passes alone: it would wait for ever otherwise. What comes of a partition that is not
    /// ours, or that is being given back, always may: it is forgotten at once.
    #[must_use]
    pub fn accepts(&self, partition: PartitionId, bytes: u32) -> bool {
        let Some(partition) = self.partitions.get(partition.0).filter(|partition| !partition.is_stopping()) else { return true };
        let (records, room) = self.room();
        // Without bytes it takes its place in the budget all the same.
        let bytes = u64::from(bytes).max(1);
        (records > 0 && (bytes <= room || self.totals.records == 0)) || (self.down == 0 && self.is_owed(partition, bytes))
    }

    /// Whether a partition is below its share, and what all of them hold leaves room for that, and as much again for those who come after it.
    /// The record with which it passes its share may be large: refused, it would stand before those of other partitions until something else is
    /// resolved. One that is alone waits for itself.
    fn is_owed(&self, partition: &Partition, bytes: u64) -> bool {
        if self.partitions.assigned < 2 {
            return false;
        }
        let ((share_records, share_bytes), (records, room)) = (self.share(), self.left_of(MOST));
        let (most_records, most_bytes) = (share_records.min(records), share_bytes.min(room));
        (partition.records < most_records && partition.bytes < most_bytes && bytes <= room) || self.has_nothing(partition, bytes)
    }

    /// Whether a partition would stand for ever for what others hold.
    fn has_nothing(&self, partition: &Partition, bytes: u64) -> bool {
        let (records, room) = self.left_of(LAST);
        partition.window.is_clear() && records > 0 && bytes <= room && !self.bugs.has(Sabotage::NewcomerStarves)
    }

    /// What each of the assigned partitions may hold.
    fn share(&self) -> (u32, u64) {
        let partitions = self.partitions.assigned.max(1);
        ((self.settings.credit.records / partitions).max(1), (self.settings.credit.bytes / u64::from(partitions)).max(1))
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

    /// A record waits for room. Whether anybody has to give way is seen after a moment.
    pub(crate) fn refused(&mut self, bytes: u32) {
        let state = (self.totals.records, self.partitions.assigned);
        let is_known = self.crowd.is_some_and(|crowd| crowd.told.is_none_or(|told| told == state && crowd.left == self.totals.left));
        if !is_known {
            self.crowd = Some(Crowd { left: self.totals.left, bytes, told: None });
            self.deadlines.add(self.now.after(PATIENCE), Due::Crowd);
        }
    }

    /// Presses what could not have such a record more, if there was hardly any room since the refusal.
    pub(crate) fn look_at_the_crowd(&mut self) {
        let Some(mut crowd) = self.crowd.take() else { return };
        let left = self.totals.left.saturating_sub(crowd.left);
        let (records, bytes) = self.room();
        let is_full = records == 0 || bytes < u64::from(crowd.bytes);
        if self.down == 0 && is_full && left.saturating_mul(TURNOVER / PATIENCE) < u64::from(self.totals.records) {
            (crowd.left, crowd.told) = (self.totals.left, Some((self.totals.records, self.partitions.assigned)));
            self.crowd = Some(crowd);
            self.crowded = Some(crowd.bytes);
            self.flow_all();
            self.crowded = None;
        }
    }

    /// Who gave way need not any more once the budget is half free. Others may have left that room, so it is not seen where a partition's own
    /// deliveries leave.
    pub(crate) fn look_at_the_room(&mut self) {
        if self.partitions.pressed > 0 && self.is_roomy() {
            self.flow_all();
        }
    }

    fn is_roomy(&self) -> bool {
        let (credit, (records, bytes)) = (self.settings.credit, self.left_of(1));
        records >= (credit.records / ROOMY).max(1) && bytes >= (credit.bytes / u64::from(ROOMY)).max(1)
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
        let drains = matches!(partition.state, State::Draining { .. });
        let pressed = !drains && self.is_pressed(partition);
        let full = self.is_full(partition);
        let paused = pressed || full || partition.halted || self.down != 0;
        let Some(partition) = self.partitions.get_mut(index) else { return };
        let was_pressed = std::mem::replace(&mut partition.pressed, pressed);
        partition.full = full;
        if partition.paused != paused && !drains {
            partition.paused = paused;
            let (partition, epoch) = (partition.id, partition.epoch);
            self.out.push(if paused { Effect::Pause { partition, epoch } } else { Effect::Resume { partition, epoch } });
        }
        self.partitions.pressed = self.partitions.pressed + u32::from(pressed) - u32::from(was_pressed);
    }

    fn is_pressed(&self, partition: &Partition) -> bool {
        if self.bugs.has(Sabotage::CreditIgnored) || (self.crowded.is_none() && !partition.pressed) {
            return false;
        }
        let (mut records, mut bytes) = self.share();
        if partition.pressed {
            // What is in flight may all wait behind a few retries, so fetching goes on as soon as a little is free again.
            (records, bytes) = (records - records / SLACK, bytes - bytes / u64::from(SLACK));
        }
        let above = partition.records >= records || partition.bytes >= bytes;
        match self.crowded {
            Some(wanted) => above || (self.partitions.assigned > 1 && !self.is_owed(partition, u64::from(wanted).max(1))),
            None => above && !self.is_roomy(),
        }
    }

    fn is_full(&self, partition: &Partition) -> bool {
        if self.bugs.has(Sabotage::CreditIgnored) {
            return false;
        }
        let window = (self.settings.credit.records as usize).max(1).saturating_mul(WINDOW);
        partition.window.len() >= if partition.full { window - window / SLACK as usize } else { window }
    }
}
