//! What a dispatch may hold: the order of lanes, attempts, copies.

use onceward_engine::{DeliveryId, Reason, Runs};

use super::delivery::{Delivery, LookUp, Stage};
use super::partition::State;
use super::timeout::Run;
use super::{Verdict, Watch, broken};

impl Watch {
    pub(super) fn dispatch(&mut self, runs: &Runs, batch: Option<u64>) -> Verdict {
        self.company(runs)?;
        for run in runs.iter() {
            self.next_run += 1;
            let Some(&(head, _)) = run.first() else { return broken("I2", "an empty run") };
            self.barred(head, run.len())?;
            self.passes(head, run.len())?;
            for &(id, attempt) in run {
                if let Some(delivery) = self.deliveries.get_mut(&id)
                    && let Some(before) = delivery.doubt.take()
                    && attempt == delivery.attempts
                {
                    (delivery.attempts, delivery.first_failed, delivery.last_failed) = before;
                }
                self.member(head, id, attempt)?;
                let number = self.next_run;
                let now = self.deliveries.get(&id).map_or(self.now, |d| self.budget_clock(d.policy));
                if let Some(delivery) = self.deliveries.get_mut(&id) {
                    delivery.stage = Stage::Running;
                    delivery.run = number;
                    delivery.wait = None;
                    delivery.tainted = false;
                    if delivery.attempts == 0 {
                        delivery.budget_from = (delivery.budget_from.0.min(now), now);
                    }
                }
            }
            let limit = self.deliveries.get(&head).map_or(1, |d| self.policy(d.policy).run_length.max(1));
            if run.len() > limit as usize {
                return broken("I4", format!("a run of {} where {limit} are allowed", run.len()));
            }
            let policy = self.deliveries.get(&head).map_or(0, |d| d.policy);
            let left = u32::try_from(run.len()).unwrap_or(u32::MAX);
            self.runs.insert(self.next_run, Run { left, batch, policy, since: self.now, cancelled: None, told: false });
            if batch.is_none() && self.policy(policy).batch.is_some() {
                return broken("I6", "a run without a batch for a batch handler");
            }
            if self.at_work() > self.settings.concurrency as usize {
                return broken("I4", format!("{} handlers at work", self.at_work()));
            }
        }
        Ok(())
    }

    fn member(&self, head: DeliveryId, id: DeliveryId, attempt: u32) -> Verdict {
        let Some(delivery) = self.current(id) else { return broken("I7", format!("dispatch of {id:?}, which is over")) };
        let at = format!("{:?} offset {}", delivery.partition, delivery.offset);
        match self.state(delivery.partition) {
            State::CatchingUp => return broken("I5", format!("{at} dispatched before the inbox caught up")),
            State::Draining => return broken("I7", format!("{at} dispatched while draining")),
            State::Halted => return broken("I1", format!("{at} dispatched in a halted partition")),
            State::None | State::Over | State::Running => {}
        }
        if !self.down.is_empty() {
            return broken("I12", format!("{at} dispatched while {:?} is down", self.down));
        }
        let taken_back = delivery.tainted && matches!(delivery.stage, Stage::Done { .. });
        if delivery.stage != Stage::Idle && !taken_back {
            return broken("I2", format!("{at} dispatched while {:?}", delivery.stage));
        }
        self.once(id, delivery, &at)?;
        self.order(head, id, delivery, &at)?;
        self.attempts(delivery, attempt, &at)
    }

    fn once(&self, id: DeliveryId, delivery: &Delivery, at: &str) -> Verdict {
        if delivery.look_up != LookUp::New {
            return broken("I5", format!("{at} dispatched with its look-up {:?}", delivery.look_up));
        }
        if self.known.contains_key(&delivery.event) {
            return broken("I5", format!("{at} dispatched, but its event is marked"));
        }
        if delivery.ignored {
            return broken("I5", format!("{at} dispatched, but nobody wants it"));
        }
        if let Some(reason) = delivery.refused {
            return broken("I5", format!("{at} dispatched, but it was refused: {reason:?}"));
        }
        for other in self.copies.get(&delivery.event).into_iter().flatten().filter(|&&other| other != id) {
            // What was found in conflict goes to the dead-letter topic unhandled: nobody has to wait for its outcome.
            let copy = self.deliveries.get(other).filter(|d| d.given_up != Some(Reason::Conflict));
            if copy.is_some_and(|d| d.in_hands() || (d.attempts > 0 && d.given_up.is_none() && !d.safe)) {
                return broken("I5", format!("{at} dispatched while {other:?}, a copy, is in flight"));
            }
        }
        Ok(())
    }

    fn order(&self, head: DeliveryId, id: DeliveryId, delivery: &Delivery, at: &str) -> Verdict {
        if self.deliveries.get(&head).is_none_or(|h| h.partition != delivery.partition || h.lane != delivery.lane) {
            return broken("I2", format!("{at} is in a run of another lane"));
        }
        for (other, earlier) in self.before(id) {
            let same_run = earlier.run == self.next_run && earlier.stage == Stage::Running;
            if !same_run && !earlier.lets_pass() {
                return broken(
                    "I2",
                    format!("{at} dispatched while offset {} of its lane is {:?} ({other:?})", earlier.offset, earlier.stage),
                );
            }
        }
        let lane = self.home(delivery).and_then(|p| p.lanes.get(&delivery.lane));
        for other in lane.into_iter().flatten().filter(|&&other| other != id) {
            if self.deliveries.get(other).is_some_and(|d| d.stage == Stage::Running && d.run != self.next_run) {
                return broken("I2", format!("{at} dispatched while {other:?} of its lane runs"));
            }
        }
        Ok(())
    }

    fn attempts(&self, delivery: &Delivery, attempt: u32, at: &str) -> Verdict {
        let backoff = self.policy(delivery.policy).backoff;
        if attempt > backoff.attempts.max(1) {
            return broken("I6", format!("{at}: attempt {attempt} of {}", backoff.attempts));
        }
        if attempt != delivery.attempts + 1 {
            return broken("I6", format!("{at}: attempt called {attempt} after {} failed ones", delivery.attempts));
        }
        if let Some(reason) = delivery.given_up {
            return broken("I6", format!("{at} dispatched again although given up: {reason:?}"));
        }
        if let Some((earliest, _)) = delivery.wait.filter(|wait| self.now < wait.0) {
            return broken("I6", format!("{at} dispatched at {:?}, before its wait ends at {earliest:?}", self.now));
        }
        Ok(())
    }
}
