//! A mark is written, or not.

use crate::MarkResult;
use crate::breaker::Weight;
use crate::delivery::Stage;
use crate::engine::Engine;
use crate::ids::DeliveryId;
use crate::sabotage::Sabotage;

impl Engine {
    pub(crate) fn marked(&mut self, id: DeliveryId, result: MarkResult) {
        let Some(slot) = self.find(id) else { return };
        // Marks are dropped for released epochs only, whose deliveries are forgotten.
        if self.deliveries[slot].stage != Stage::Marking || result == MarkResult::Dropped {
            return;
        }
        let at = self.deliveries[slot].lane;
        if std::mem::take(&mut self.deliveries[slot].bound) {
            let lane = self.lanes.get_mut(at);
            lane.bound = lane.bound.saturating_sub(1);
        }
        match result {
            MarkResult::Durable => self.is_marked(slot),
            // Somebody was faster. Should the bytes differ, it is too late to tell: this one was handled, too.
            MarkResult::Duplicate { digest } => {
                self.deliveries[slot].stage = Stage::Copy;
                self.release_twins(slot, digest);
            }
            // The handler got through to what it calls: whatever the statement lacks, it is the event's own attempt.
            MarkResult::EffectFailed { fatal: false } => self.failed(slot, None, Weight::Counts),
            MarkResult::EffectFailed { fatal: true } => self.doom(slot, crate::Reason::Rejected),
            MarkResult::RolledBack if self.bugs.has(Sabotage::RolledBackResolved) => self.is_marked(slot),
            MarkResult::RolledBack => self.start_over(slot),
            MarkResult::Dropped => {}
        }
        self.settle(at);
    }

    fn is_marked(&mut self, slot: u32) {
        self.deliveries[slot].stage = Stage::Marked;
        self.release_twins(slot, self.deliveries[slot].digest);
    }
}
