//! What a lane does after one of its deliveries changed: it resolves at its head and opens or closes at its cursor.

use crate::Fate;
use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::partition::State;
use crate::sabotage::Sabotage;

impl Engine {
    /// Resolves what is ready at the head, so that a lane resolves in offset order, and queues the lane if its cursor may start.
    pub(crate) fn settle(&mut self, lane: u32) {
        loop {
            let head = self.lanes.get(lane).head;
            if head == NIL {
                self.lanes.sweep(lane);
                return;
            }
            let fate = match self.deliveries[head].stage {
                Stage::Marked => Fate::Handled,
                Stage::Lettered => Fate::Lettered,
                Stage::Copy if !self.bugs.has(Sabotage::DuplicateNotResolved) && self.is_caught_up(head) => Fate::Duplicate,
                Stage::Ignored if !self.bugs.has(Sabotage::IgnoredNotResolved) && self.is_caught_up(head) => Fate::Ignored,
                Stage::Doomed if self.is_caught_up(head) => {
                    self.write_letter(head);
                    if self.deliveries[head].stage == Stage::Lettered {
                        continue;
                    }
                    break;
                }
                _ => break,
            };
            self.resolve(head, fate);
        }
        self.seek_next(lane);
    }

    fn is_caught_up(&self, slot: u32) -> bool {
        self.partitions.get(self.deliveries[slot].partition).is_some_and(|partition| partition.state != State::CatchingUp)
    }

    /// Moves the cursor over what is done with. The lane is closed while a run is in flight, and while marks of effects are.
    pub(crate) fn seek_next(&mut self, at: u32) {
        let lane = self.lanes.get_mut(at);
        let running = lane.running > 0 && !self.bugs.has(Sabotage::TwoOfOneKey);
        let bound = lane.bound > 0 && !self.bugs.has(Sabotage::EffectsReopenLane);
        let mut ready = false;
        if !running && !bound {
            while lane.cursor != NIL {
                let delivery = &self.deliveries[lane.cursor];
                match delivery.stage {
                    Stage::Held | Stage::Marking | Stage::Marked | Stage::Copy | Stage::Ignored => lane.cursor = delivery.lane_next,
                    Stage::Waiting if self.bugs.has(Sabotage::RetryReopensLane) => lane.cursor = delivery.lane_next,
                    stage => {
                        ready = stage == Stage::Fresh;
                        break;
                    }
                }
            }
        }
        self.lanes.set_ready(at, ready);
    }
}
