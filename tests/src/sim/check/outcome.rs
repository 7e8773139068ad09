//! What becomes of a delivery when its handler, or its mark, answers.

use onceward_engine::{DeliveryId, MarkResult, Outcome, Reason, Rejection, Timestamp};

use super::Watch;
use super::breaker::Weight;
use super::delivery::{Stage, bounds};

impl Watch {
    pub(super) fn handled(&mut self, id: DeliveryId, outcome: Outcome) -> bool {
        if self.current(id).is_none_or(|d| d.stage != Stage::Running) {
            return false;
        }
        // What is handled behind an event with effects, in its run, may be rolled back with it: it holds the lane as if it had some.
        let behind = self.before(id).any(|(_, d)| matches!(d.stage, Stage::Done { effects: true } | Stage::Marking { effects: true }));
        let Some(delivery) = self.deliveries.get_mut(&id) else { return false };
        delivery.stage = Stage::Idle;
        let (run, policy) = (delivery.run, delivery.policy);
        let probe = self.probe_ended(id, policy);
        if outcome != Outcome::Cancelled {
            self.acquitted(id);
        }
        match outcome {
            Outcome::Done { effects } => {
                if let Some(delivery) = self.deliveries.get_mut(&id) {
                    delivery.stage = Stage::Done { effects: effects || behind };
                }
                self.succeeded(policy, probe);
            }
            Outcome::Retry { after } => {
                let weight = self.weigh(id, probe);
                self.failed(id, after, weight);
            }
            Outcome::Reject(rejection) => {
                self.rejected_by_handler(policy, probe);
                self.rejected(id, reason(rejection));
            }
            Outcome::Cancelled => {}
            Outcome::BatchFailed => {
                if let Some(delivery) = self.deliveries.get_mut(&id) {
                    delivery.alone = true;
                }
            }
        }
        self.answered(run);
        true
    }

    pub(super) fn not_started(&mut self, id: DeliveryId) -> bool {
        if self.current(id).is_none_or(|d| d.stage != Stage::Running) {
            return false;
        }
        let Some(delivery) = self.deliveries.get_mut(&id) else { return false };
        delivery.stage = Stage::Idle;
        let (run, policy) = (delivery.run, delivery.policy);
        self.probe_ended(id, policy);
        self.answered(run);
        true
    }

    pub(super) fn marked(&mut self, id: DeliveryId, result: MarkResult) -> bool {
        if self.current(id).is_none_or(|d| !matches!(d.stage, Stage::Marking { .. })) {
            return false;
        }
        let Some(delivery) = self.deliveries.get_mut(&id) else { return false };
        let (event, own) = (delivery.event, delivery.digest);
        let bound = matches!(delivery.stage, Stage::Marking { effects: true });
        match result {
            MarkResult::Durable | MarkResult::Duplicate { .. } => {
                delivery.stage = Stage::Marked;
                self.make_safe(id);
                self.learn(event, if let MarkResult::Duplicate { digest } = result { digest.0 } else { own });
            }
            MarkResult::EffectFailed { fatal } => {
                delivery.stage = Stage::Idle;
                if fatal {
                    self.rejected(id, Reason::Rejected);
                } else {
                    self.failed(id, None, Weight::Counts);
                }
                self.taint_after(id);
            }
            MarkResult::RolledBack => {
                delivery.stage = Stage::Idle;
                self.taint_after(id);
            }
            MarkResult::Dropped => return false,
        }
        if bound && matches!(result, MarkResult::EffectFailed { .. } | MarkResult::RolledBack) {
            self.uncount_behind(id);
        }
        true
    }

    /// Those of the lane that are in a handler's hands ran on effects that were taken back.
    fn taint_after(&mut self, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get(&id) else { return };
        let lane = self.home(delivery).and_then(|p| p.lanes.get(&delivery.lane)).cloned().unwrap_or_default();
        let offset = delivery.offset;
        for other in lane {
            if let Some(later) = self.deliveries.get_mut(&other)
                && later.offset > offset
                && matches!(later.stage, Stage::Running | Stage::Done { .. })
            {
                later.tainted = true;
            }
        }
    }

    /// Who failed behind it in its run met a state without its effects: that attempt does not count.
    fn uncount_behind(&mut self, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get(&id) else { return };
        let (offset, run) = (delivery.offset, delivery.run);
        let lane = self.home(delivery).and_then(|p| p.lanes.get(&delivery.lane)).cloned().unwrap_or_default();
        for other in lane {
            if let Some(later) = self.deliveries.get_mut(&other)
                && later.offset > offset
                && later.run == run
                && later.stage == Stage::Idle
            {
                (later.attempts, later.given_up, later.wait, later.may_give_up) = (0, None, None, false);
            }
        }
    }

    fn count(&mut self, id: DeliveryId) -> u32 {
        let now = self.now;
        let Some(delivery) = self.deliveries.get_mut(&id) else { return 0 };
        delivery.attempts += 1;
        if delivery.attempts == 1 {
            delivery.first_failed = now;
        }
        delivery.last_failed = now;
        delivery.attempts
    }

    fn rejected(&mut self, id: DeliveryId, reason: Reason) {
        self.count(id);
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.given_up = Some(reason);
        }
    }

    fn failed(&mut self, id: DeliveryId, after: Option<u64>, weight: Weight) {
        let Some(delivery) = self.deliveries.get(&id).filter(|_| weight != Weight::Void) else { return };
        let policy = self.policy(delivery.policy).backoff;
        let pause = self.policy(delivery.policy).breaker.map_or(0, |rules| rules.probe);
        let (now, clock) = (self.now, self.budget_clock(delivery.policy));
        let before = (delivery.attempts, delivery.first_failed, delivery.last_failed);
        let attempts = delivery.attempts + 1;
        let (shortest, longest) = after.map_or_else(|| bounds(&policy, attempts), |wait| (wait, wait));
        let end = |from: Timestamp| from.after(policy.total);
        let last = attempts >= policy.attempts || clock.after(shortest) > end(delivery.budget_from.1);
        let maybe = !last && clock.after(longest) > end(delivery.budget_from.0);
        let doubted = weight == Weight::Doubted;
        if !(last && doubted) {
            self.count(id);
        }
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        delivery.doubted = doubted;
        if last && !doubted {
            delivery.given_up = Some(Reason::Exhausted);
            return;
        }
        delivery.may_give_up = maybe && !doubted;
        delivery.doubt = (maybe && doubted).then_some(before);
        // What does not count waits for a probe's pause at least.
        let longest = if doubted && (last || maybe) { longest.max(pause) } else { longest };
        let shortest = if doubted && last { shortest.max(pause) } else { shortest };
        delivery.wait = Some((now.after(shortest), now.after(longest)));
    }
}

fn reason(rejection: Rejection) -> Reason {
    match rejection {
        Rejection::Rejected => Reason::Rejected,
        Rejection::Undecodable => Reason::Undecodable,
        Rejection::Invalid => Reason::Invalid,
    }
}
