//! What a lane does after one of its deliveries changed: it resolves at its head and opens or closes at its cursor.

use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::hold::Hold;
use crate::lane::LaneKey;
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Fate, Reason};

impl Engine {
    /// Resolves what is ready at the head, so that a lane resolves in offset order, and queues the lane if its cursor may start.
    pub(crate) fn settle(&mut self, lane: u32) {
        loop {
            let head = self.lanes.get(lane).head;
            let letters = matches!(self.lanes.get(lane).key(), LaneKey::Letters(_));
            if letters || (head != NIL && self.deliveries[head].replay) {
                return self.settle_letters(lane);
            }
            if head == NIL {
                self.wake_letters(lane);
                self.lanes.sweep(lane);
                return;
            }
            let fate = match self.deliveries[head].stage {
                Stage::Marked => Fate::Handled,
                Stage::Lettered => Fate::Lettered,
                Stage::Copy if !self.bugs.has(Sabotage::DuplicateNotResolved) && self.is_caught_up(head) => Fate::Duplicate,
                Stage::Known if self.is_caught_up(head) => Fate::Known,
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
        self.wake_letters(lane);
    }

    fn is_caught_up(&self, slot: u32) -> bool {
        self.partitions.get(self.deliveries[slot].partition).is_some_and(|partition| partition.state != State::CatchingUp)
    }

    /// Moves the cursor over what is done with. The lane is closed while a run is in flight, and while marks of effects are.
    pub(crate) fn seek_next(&mut self, at: u32) {
        let lane = self.lanes.get(at);
        let (index, key) = (lane.partition(), lane.key());
        let running = lane.running > 0 && !self.bugs.has(Sabotage::TwoOfOneKey);
        let bound = lane.bound > 0 && !self.bugs.has(Sabotage::EffectsReopenLane);
        let mut ready = false;
        let mut cursor = lane.cursor;
        while cursor != NIL && !running && !bound {
            let delivery = &self.deliveries[cursor];
            let next = delivery.lane_next;
            match delivery.stage {
                Stage::Held | Stage::Marking | Stage::Marked | Stage::Copy | Stage::Ignored | Stage::Known | Stage::Settling => {}
                // Followers are written one behind the other, whether those before them have arrived or not.
                Stage::Lettering | Stage::Recording | Stage::Lettered if delivery.reason == Reason::HeldBehind => {}
                Stage::Waiting if self.bugs.has(Sabotage::RetryReopensLane) => {}
                Stage::Fresh if delivery.replay => {
                    ready = self.letters_may_start(index, key);
                    break;
                }
                Stage::Fresh => match self.hold_of(index, key, delivery.offset) {
                    // A follower on its way holds the key when it arrives, even if everything before it is settled by then.
                    Hold::Free => {
                        ready = self.lanes.get(at).followers == 0;
                        break;
                    }
                    Hold::Waits => break,
                    Hold::Follows => self.follow(cursor),
                },
                _ => break,
            }
            cursor = next;
        }
        self.lanes.get_mut(at).cursor = cursor;
        self.lanes.set_ready(at, ready);
    }
}
