//! A mark is written, or not.

use crate::MarkResult;
use crate::breaker::Weight;
use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::ids::DeliveryId;
use crate::sabotage::Sabotage;

impl Engine {
    pub(crate) fn marked(&mut self, id: DeliveryId, result: MarkResult) {
        let Some(slot) = self.find(id) else { return };
        if self.deliveries[slot].stage != Stage::Marking {
            return;
        }
        let at = self.deliveries[slot].lane;
        if std::mem::take(&mut self.deliveries[slot].bound) {
            if matches!(result, MarkResult::EffectFailed { .. } | MarkResult::RolledBack) {
                self.take_back_behind(slot);
            }
            self.lanes.get_mut(at).unbind();
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
            // Marks are dropped for released epochs only, whose deliveries are forgotten. Should one of a live delivery be dropped all the
            // same, its lane must not wait for ever.
            MarkResult::RolledBack | MarkResult::Dropped => self.start_over(slot),
        }
        self.settle(at);
    }

    /// The run stopped at an event that failed, and what ran before it is rolled back: it met a state that never was, so its attempt does
    /// not count, and it is handled again behind them.
    fn take_back_behind(&mut self, slot: u32) {
        let failed = std::mem::replace(&mut self.lanes.get_mut(self.deliveries[slot].lane).stopped_at, NIL);
        if failed == NIL || self.deliveries[failed].offset < self.deliveries[slot].offset {
            return;
        }
        match self.deliveries[failed].stage {
            Stage::Waiting => self.stop_waiting(failed),
            Stage::Fresh | Stage::Doomed => {}
            _ => return,
        }
        self.deliveries[failed].forget_failure();
        self.start_over(failed);
    }

    fn is_marked(&mut self, slot: u32) {
        self.deliveries[slot].stage = Stage::Marked;
        self.release_twins(slot, self.deliveries[slot].digest);
    }
}
