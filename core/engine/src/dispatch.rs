//! Runs: which lanes start, and with how many of their deliveries.

use crate::delivery::{Deliveries, NIL, Stage};
use crate::engine::Engine;
use crate::ids::PolicyId;
use crate::sabotage::Sabotage;
use crate::{Effect, Runs};

impl Engine {
    /// Takes a delivery out of its run, once, before it is decided what becomes of it.
    pub(crate) fn leave_run(&mut self, slot: u32) {
        let delivery = &mut self.deliveries[slot];
        debug_assert_eq!(delivery.stage, Stage::Running, "only what runs is counted as running");
        delivery.stage = Stage::Fresh;
        let (at, policy) = (delivery.lane, delivery.policy);
        let lane = self.lanes.get_mut(at);
        lane.running -= 1;
        let (over, batch) = (lane.running == 0, lane.batch);
        if over {
            lane.batch = NIL;
            self.totals.lanes -= 1;
            self.totals.runs -= u32::from(batch == NIL || self.leave_batch(batch, policy));
        }
        self.time_next(at, policy);
        self.no_longer_alone(slot);
        if self.open_breakers > 0 {
            self.probe_ended(slot);
        }
    }

    /// Runs for as many ready lanes as concurrency allows, first come, first served.
    pub(crate) fn dispatch(&mut self) -> Option<Effect> {
        if self.down != 0 {
            return None;
        }
        let mut runs = Runs::default();
        loop {
            if self.awaits_quiet() {
                self.confront(&mut runs);
            }
            if !runs.ends.is_empty() || self.awaits_quiet() {
                return self.ordered(runs);
            }
            // Those that wait come first: a busy topic must not keep another one from finding out that its outage is over.
            if self.restraints > 0 {
                self.open_gates(&mut runs);
            }
            while self.totals.runs < self.settings.concurrency.max(1) && !self.awaits_quiet() {
                let Some(lane) = self.lanes.pop_ready() else { break };
                if !self.arrests(lane)
                    && let Some(most) = self.passes(lane)
                {
                    self.start_run(lane, &mut runs, most, NIL);
                }
            }
            if self.awaits_quiet() {
                continue;
            }
            if self.restraints > 0 {
                self.open_gates(&mut runs);
            }
            if !runs.ends.is_empty() || !self.awaits_quiet() {
                return self.ordered(runs);
            }
        }
    }

    /// What was started; or what else was decided on the way: events are given up while it is looked for one to start.
    fn ordered(&mut self, runs: Runs) -> Option<Effect> {
        if runs.ends.is_empty() { self.out.pop() } else { Some(Effect::Dispatch(runs)) }
    }

    /// Starts the delivery at the cursor, which may be a retry, and those behind it that were never tried, `most` of them; in a batch, if
    /// it is not [`NIL`].
    pub(crate) fn start_run(&mut self, at: u32, runs: &mut Runs, most: u32, batch: u32) {
        let mut slot = self.lanes.get(at).cursor;
        debug_assert!(slot != NIL && self.deliveries[slot].stage == Stage::Fresh, "a ready lane has something to start");
        let policy = self.deliveries[slot].policy;
        // What is handed over may wait for a worker, and then start faster than its rate.
        let single = self.deliveries[slot].alone || (batch == NIL && self.policy(policy).max_rate.is_some());
        let most = if single { 1 } else { most.max(1) };
        let longest = self.policy(policy).run_length.clamp(1, most);
        let budget_clock = self.budget_clock(policy);
        let opens = u32::from(self.lanes.get(at).running == 0);
        self.totals.lanes += opens;
        if batch == NIL {
            self.totals.runs += opens;
        } else {
            self.lanes.get_mut(at).batch = batch;
            self.batches.join(batch);
        }
        let mut length = 0;
        loop {
            let delivery = &mut self.deliveries[slot];
            delivery.stage = Stage::Running;
            if delivery.attempts == 0 {
                delivery.first_attempt = budget_clock;
            }
            delivery.attempts = delivery.attempts.saturating_add(1);
            runs.deliveries.push((delivery.id(slot), delivery.attempts));
            length += 1;
            slot = delivery.lane_next;
            if length == longest || !joins(&self.deliveries, slot, policy) || self.is_suspect(slot) || !self.may_follow(at, slot) {
                break;
            }
        }
        let lane = self.lanes.get_mut(at);
        lane.cursor = slot;
        lane.running += length;
        runs.ends.push(runs.deliveries.len() as u32);
        self.time_run(at, policy);
        if self.restraints > 0 {
            self.spend(policy, length);
        }
        if self.bugs.has(Sabotage::TwoOfOneKey) {
            self.seek_next(at);
        }
    }
}

/// Whether a delivery joins a run that is being made: only one that was never tried, so that nothing stands behind more than one retry.
fn joins(deliveries: &Deliveries, slot: u32, policy: PolicyId) -> bool {
    if slot == NIL {
        return false;
    }
    let delivery = &deliveries[slot];
    delivery.stage == Stage::Fresh && delivery.attempts == 0 && delivery.policy == policy && !delivery.alone
}
