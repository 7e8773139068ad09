//! What a lane does after one of its deliveries changed: resolve at its head, start at its cursor.

use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::partition::State;
use crate::sabotage::Sabotage;
use crate::{Fate, lane};

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
    fn seek_next(&mut self, at: u32) {
        let lane = self.lanes.get_mut(at);
        let running = lane.running > 0 && !self.bugs.has(Sabotage::TwoOfOneKey);
        let bound = lane.bound > 0 && !self.bugs.has(Sabotage::EffectsReopenLane);
        let mut ready = false;
        if !running && !bound {
            while lane.cursor != NIL {
                let delivery = &self.deliveries[lane.cursor];
                match delivery.stage {
                    Stage::Held | Stage::Marking | Stage::Marked | Stage::Copy => lane.cursor = delivery.lane_next,
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

    /// Takes a delivery of a run out of flight, whatever became of it.
    pub(crate) fn stopped_running(&mut self, at: u32) {
        let lane = self.lanes.get_mut(at);
        lane.running = lane.running.saturating_sub(1);
        if lane.running == 0 {
            self.totals.runs = self.totals.runs.saturating_sub(1);
        }
    }

    /// Runs for as many ready lanes as concurrency allows, first come, first served.
    pub(crate) fn dispatch(&mut self) -> Option<crate::Effect> {
        if self.down != 0 {
            return None;
        }
        let mut runs = crate::Runs::default();
        while self.totals.runs < self.settings.concurrency.max(1) {
            let Some(lane) = self.lanes.pop_ready() else { break };
            self.start_run(lane, &mut runs);
        }
        (!runs.ends.is_empty()).then_some(crate::Effect::Dispatch(runs))
    }

    /// Starts the delivery at the cursor, which may be a retry, and those behind it that were never tried.
    fn start_run(&mut self, at: u32, runs: &mut crate::Runs) {
        let mut slot = self.lanes.get(at).cursor;
        debug_assert!(slot != NIL && self.deliveries[slot].stage == Stage::Fresh, "a ready lane has something to start");
        let policy = self.deliveries[slot].policy;
        let longest = self.policy(policy).run_length.max(1);
        let lane = self.lanes.get_mut(at);
        self.totals.runs += u32::from(lane.running == 0);
        let mut length = 0;
        loop {
            let delivery = &mut self.deliveries[slot];
            delivery.stage = Stage::Running;
            if delivery.attempts == 0 {
                delivery.first_attempt = self.now;
            }
            delivery.attempts = delivery.attempts.saturating_add(1);
            runs.deliveries.push((delivery.id(slot), delivery.attempts));
            length += 1;
            slot = delivery.lane_next;
            if length == longest || !lane::joins_run(&self.deliveries, slot, policy) {
                break;
            }
        }
        lane.cursor = slot;
        lane.running += length;
        runs.ends.push(runs.deliveries.len() as u32);
        if self.bugs.has(Sabotage::TwoOfOneKey) {
            self.seek_next(at);
        }
    }
}
