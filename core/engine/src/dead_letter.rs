//! The end of an event that is given up.

use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::{DeliveryId, Offset};
use crate::sabotage::Sabotage;
use crate::{DeadLetter, Effect, Reason};

impl Engine {
    pub(crate) fn write_letter(&mut self, slot: u32) {
        let behind = (self.deliveries[slot].reason == Reason::HeldBehind).then(|| self.front_of(slot)).flatten();
        let delivery = &mut self.deliveries[slot];
        delivery.stage = Stage::Lettering;
        let letter = DeadLetter {
            delivery: delivery.id(slot),
            reason: delivery.reason,
            attempts: delivery.attempts,
            first_failed: delivery.first_failed,
            last_failed: delivery.last_failed,
            behind,
        };
        self.out.push(Effect::DeadLetter(letter));
        if self.bugs.has(Sabotage::LetterNotAwaited) {
            self.is_lettered(slot);
        }
    }

    pub(crate) fn dead_lettered(&mut self, id: DeliveryId, letter: Offset) {
        let Some(slot) = self.find(id) else { return };
        if self.deliveries[slot].stage != Stage::Lettering {
            return;
        }
        let has_ledger = self.partitions.get(self.deliveries[slot].partition).is_some_and(|partition| partition.book.is_some());
        if has_ledger {
            self.record_letter(slot, letter);
        }
        if !has_ledger || self.bugs.has(Sabotage::RecordNotAwaited) {
            self.is_lettered(slot);
            self.settle(self.deliveries[slot].lane);
        }
    }

    /// The letter that holds the key of a delivery.
    fn front_of(&self, slot: u32) -> Option<Offset> {
        let delivery = &self.deliveries[slot];
        let book = self.partitions.get(delivery.partition)?.book.as_ref()?;
        let front = book.fold.front(self.lanes.get(delivery.lane).key().digest()?)?;
        Some(front.record.offset)
    }

    pub(crate) fn is_lettered(&mut self, slot: u32) {
        self.deliveries[slot].stage = Stage::Lettered;
        self.leave_ring(slot);
    }
}
