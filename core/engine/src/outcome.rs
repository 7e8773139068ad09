//! A handler ended, or did not start.
//!
//! Marks of a run are given out one by one as long as no effect is among them. From the first event with effects on they are held until
//! the run is answered, and then given out in one piece: so they share one transaction, and when a statement fails, what was
//! built on it is rolled back with it. The lane stays closed until all of them are answered.

use crate::attempt::{Verdict, verdict, wait};
use crate::breaker::Weight;
use crate::deadline::Due;
use crate::delivery::{NIL, Stage};
use crate::engine::Engine;
use crate::ids::DeliveryId;
use crate::sabotage::Sabotage;
use crate::{Outcome, Reason};

impl Engine {
    pub(crate) fn handled(&mut self, id: DeliveryId, outcome: Outcome) {
        let Some(slot) = self.running(id) else { return };
        let (lane, probe) = (self.deliveries[slot].lane, self.is_probe(slot));
        self.leave_run(slot);
        if matches!(outcome, Outcome::Retry { .. } | Outcome::Reject(_)) && self.lanes.get(lane).held > 0 {
            self.lanes.get_mut(lane).stopped_at = slot;
        }
        if outcome != Outcome::Cancelled {
            self.acquit(slot);
        }
        match outcome {
            Outcome::Done { effects } => {
                self.breaker_succeeded(self.deliveries[slot].policy, probe);
                self.done(slot, effects);
            }
            Outcome::Retry { after } => {
                let weight = self.weigh_failure(slot, probe);
                self.failed(slot, after, weight);
            }
            Outcome::Reject(rejection) => {
                self.breaker_rejected(slot, probe);
                self.doom(slot, rejection.into());
            }
            Outcome::Cancelled => self.start_over(slot),
            Outcome::BatchFailed => {
                self.deliveries[slot].alone = true;
                if self.bugs.has(Sabotage::BatchCounts) {
                    self.failed(slot, None, Weight::Counts);
                } else {
                    self.start_over(slot);
                }
            }
        }
        self.run_answered(lane);
    }

    pub(crate) fn not_started(&mut self, id: DeliveryId) {
        let Some(slot) = self.running(id) else { return };
        let lane = self.deliveries[slot].lane;
        self.leave_run(slot);
        if self.bugs.has(Sabotage::RunSkipsNotStarted) {
            self.deliveries[slot].stage = Stage::Marked;
        } else {
            self.start_over(slot);
        }
        self.run_answered(lane);
    }

    fn running(&self, id: DeliveryId) -> Option<u32> {
        self.find(id).filter(|&slot| self.deliveries[slot].stage == Stage::Running)
    }

    fn done(&mut self, slot: u32, effects: bool) {
        let delivery = &mut self.deliveries[slot];
        let lane = self.lanes.get_mut(delivery.lane);
        if effects || lane.held > 0 {
            delivery.stage = Stage::Held;
            delivery.bound = true;
            lane.held += 1;
            lane.bound += 1;
            return;
        }
        delivery.stage = Stage::Marking;
        self.out.mark(delivery.id(slot));
        if self.bugs.has(Sabotage::MarkNotAwaited) {
            delivery.stage = Stage::Marked;
        }
    }

    fn run_answered(&mut self, lane: u32) {
        if self.lanes.get(lane).running == 0 && self.lanes.get(lane).held > 0 {
            self.give_out_marks(lane);
        }
        self.settle(lane);
    }

    fn give_out_marks(&mut self, at: u32) {
        let lane = self.lanes.get_mut(at);
        let mut slot = lane.head;
        while lane.held > 0 && slot != NIL {
            let delivery = &mut self.deliveries[slot];
            if delivery.stage == Stage::Held {
                delivery.stage = Stage::Marking;
                lane.held -= 1;
                self.out.mark(delivery.id(slot));
                if self.bugs.has(Sabotage::MarkNotAwaited) {
                    delivery.stage = Stage::Marked;
                    delivery.bound = false;
                    lane.unbind();
                }
            }
            slot = delivery.lane_next;
        }
        lane.held = 0;
    }

    /// An attempt failed, and another one may help.
    pub(crate) fn failed(&mut self, slot: u32, after: Option<u64>, weight: Weight) {
        if weight == Weight::Void {
            self.start_over(slot);
            return;
        }
        if self.is_stopping(slot) {
            self.leave_to_next_owner(slot);
            return;
        }
        let delivery = &self.deliveries[slot];
        let backoff = self.policy(delivery.policy).backoff;
        let attempts = backoff.attempts.saturating_add(u32::from(self.bugs.has(Sabotage::AttemptsOffByOne)));
        let pause = after.unwrap_or_else(|| wait(&backoff, self.settings.seed, delivery));
        let clock = self.budget_clock(delivery.policy);
        match verdict(&backoff, delivery, clock, pause, attempts) {
            Verdict::GiveUp => match weight {
                Weight::Doubted(least) => {
                    let delivery = &mut self.deliveries[slot];
                    delivery.attempts = delivery.attempts.saturating_sub(1);
                    // A handler that asks for no wait at all must not be called over and over.
                    self.wait(slot, pause.max(least));
                }
                Weight::Counts | Weight::Void => self.doom(slot, Reason::Exhausted),
            },
            Verdict::Wait => {
                let now = self.now;
                self.deliveries[slot].note_failure(now);
                self.wait(slot, pause);
            }
        }
    }

    fn wait(&mut self, slot: u32, pause: u64) {
        let until = self.now.after(pause);
        let delivery = &mut self.deliveries[slot];
        (delivery.stage, delivery.until) = (Stage::Waiting, until);
        self.deadlines.add(until, Due::Attempt(slot));
        self.totals.waiting += 1;
        self.lanes.rewind(&self.deliveries, slot);
        self.let_letters_lead(slot);
    }

    pub(crate) fn wait_is_over(&mut self, slot: u32) {
        debug_assert_eq!(self.deliveries[slot].stage, Stage::Waiting, "who stops waiting takes the deadline out");
        self.totals.waiting = self.totals.waiting.saturating_sub(1);
        self.deliveries[slot].stage = Stage::Fresh;
        self.lanes.rewind(&self.deliveries, slot);
        self.settle(self.deliveries[slot].lane);
    }

    /// Takes the deadline out of a wait that ends early.
    pub(crate) fn stop_waiting(&mut self, slot: u32) {
        self.deadlines.remove(self.deliveries[slot].until, Due::Attempt(slot));
        self.totals.waiting = self.totals.waiting.saturating_sub(1);
    }

    /// Gives an event up. Its letter is written once it is the head of its lane.
    pub(crate) fn doom(&mut self, slot: u32, reason: Reason) {
        let delivery = &mut self.deliveries[slot];
        delivery.note_failure(self.now);
        (delivery.stage, delivery.reason) = (Stage::Doomed, reason);
        self.lanes.rewind(&self.deliveries, slot);
    }

    /// The attempt does not count; the event runs again when its lane comes to it.
    pub(crate) fn start_over(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        delivery.attempts = delivery.attempts.saturating_sub(1);
        delivery.stage = Stage::Fresh;
        if self.is_stopping(slot) {
            self.leave_to_next_owner(slot);
        } else {
            self.lanes.rewind(&self.deliveries, slot);
            self.let_letters_lead(slot);
        }
    }

    fn is_stopping(&self, slot: u32) -> bool {
        self.partitions.get(self.deliveries[slot].partition).is_none_or(crate::partition::Partition::is_stopping)
    }
}
