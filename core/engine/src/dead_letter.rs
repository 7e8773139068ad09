//! The end of an event that is given up.

use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::DeliveryId;
use crate::sabotage::Sabotage;
use crate::{DeadLetter, Effect};

impl Engine {
    pub(crate) fn write_letter(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        delivery.stage = Stage::Lettering;
        let letter = DeadLetter {
            delivery: delivery.id(slot),
            reason: delivery.reason,
            attempts: delivery.attempts,
            first_failed: delivery.first_failed,
            last_failed: delivery.last_failed,
        };
        self.out.push(Effect::DeadLetter(letter));
        if self.bugs.has(Sabotage::LetterNotAwaited) {
            self.is_lettered(slot);
        }
    }

    pub(crate) fn dead_lettered(&mut self, id: DeliveryId) {
        let Some(slot) = self.find(id) else { return };
        if self.deliveries[slot].stage == Stage::Lettering {
            self.is_lettered(slot);
            self.settle(self.deliveries[slot].lane);
        }
    }

    fn is_lettered(&mut self, slot: u32) {
        self.deliveries[slot].stage = Stage::Lettered;
        self.leave_ring(slot);
    }
}
