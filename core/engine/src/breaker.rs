//! An outage is not poison: when nearly everything fails, the fault lies behind the handler, not in the events.
//!
//! One breaker per policy, since a policy is a topic's handler with what it calls: another topic neither hides an outage nor suffers from
//! it. Evidence is counted by event, not by attempt: an event fails once, however often it is tried. So bad events weigh no more than
//! their neighbours that succeed at once, and a day when half of them fail is no outage, not even when only their later attempts are left.
//! Evidence is gathered in a *stretch*: it begins with a failure, and ends when more than its share of events succeeded, or when
//! nothing failed for long. What came before is forgotten, so a healthy year does not hide a bad minute. Answers come in any order: when
//! the last successes from before an outage are heard of after its first failures, those are forgotten, too, and opening takes as many
//! events more. Where all keys are among them, nothing is left to count until they are given up; that can't be told from a bad hour whose
//! good events are done.
//!
//! A stretch that is wide enough (events, keys) but not yet long enough is a *doubt*: what fails for the last time then is not given up,
//! its attempt does not count. So nothing is dead-lettered in the seconds before the breaker opens. Once it is open no attempt counts,
//! time budgets stand still, and only probes start, one at a time, each from another lane. Only they say whether the outage is over: what was
//! under way when the breaker opened may have had its answer before, and only its news comes late.

use std::collections::BTreeSet;

use crate::deadline::Due;
use crate::engine::Engine;
use crate::ids::{DeliveryId, PolicyId, Timestamp};
use crate::lane::LaneKey;
use crate::policy::BreakerRules;
use crate::sabotage::Sabotage;
use crate::{Alert, Effect, Runs};

/// What a failure means for the event that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It is an attempt of the event.
    Counts,
    /// It is an attempt, unless it would be the last one: then it is none, and the next one comes no sooner than after this pause.
    Doubted(u64),
    /// It is nobody's attempt: the breaker is open.
    Void,
}

/// A key as the breaker counts it: a lane, or the event itself where events do not wait for each other.
type Key = (u32, LaneKey, i64);

/// The breaker of one policy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Breaker {
    /// An event counts once in each: a new one begins when the breaker closes, and after a long silence.
    era: u32,
    /// Positive or zero while at least the configured share of the stretch's events failed.
    score: u64,
    events: u32,
    keys: BTreeSet<Key>,
    began: Timestamp,
    last_failure: Timestamp,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    since: Timestamp,
    /// Attempts in a row that succeeded.
    successes: u32,
    probe: Option<DeliveryId>,
    next_probe: Timestamp,
    limit: Option<Timestamp>,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    fn forget(&mut self) {
        (self.score, self.events) = (0, 0);
        self.keys.clear();
    }

    fn success(&mut self, rules: &BreakerRules) {
        match self.score.checked_sub(u64::from(rules.percent)) {
            Some(score) => self.score = score,
            None => self.forget(),
        }
    }

    fn failure(&mut self, rules: &BreakerRules, now: Timestamp, silence: u64, counted: &mut u32, key: Key) {
        if self.events > 0 && now > self.last_failure.after(silence) {
            self.forget();
            self.era = self.era.saturating_add(1);
        }
        if self.events == 0 {
            self.began = now;
        }
        self.last_failure = now;
        if *counted > self.era {
            return;
        }
        *counted = self.era.saturating_add(1);
        self.events = self.events.saturating_add(1);
        // What is beyond the evidence needed would only have to be outweighed later.
        let each = u64::from(100_u32.saturating_sub(rules.percent));
        self.score = self.score.saturating_add(each).min(each.saturating_mul(u64::from(rules.events.max(1))));
        if self.keys.len() < rules.keys as usize {
            self.keys.insert(key);
        }
    }

    fn is_wide(&self, rules: &BreakerRules) -> bool {
        self.events >= rules.events && self.keys.len() >= rules.keys as usize
    }
}

impl Engine {
    fn rules(&self, index: usize) -> Option<BreakerRules> {
        self.settings.policies[index].breaker
    }

    /// A handler succeeded. `probe`: it was the probe of an open breaker.
    #[inline]
    pub(crate) fn breaker_succeeded(&mut self, policy: PolicyId, probe: bool) {
        let index = self.index_of(policy);
        let breaker = &self.breakers[index];
        if breaker.events > 0 || breaker.is_open() {
            self.weigh_success(index, probe);
        }
    }

    fn weigh_success(&mut self, index: usize, probe: bool) {
        let Some(rules) = self.rules(index) else { return };
        let (now, counts) = (self.now, probe || self.bugs.has(Sabotage::BreakerHearsOthers));
        let Some(open) = self.breakers[index].open.as_mut() else {
            self.breakers[index].success(&rules);
            return;
        };
        if !counts {
            return;
        }
        open.successes = open.successes.saturating_add(1);
        if open.successes >= rules.successes.max(1) && !self.bugs.has(Sabotage::BreakerNeverCloses) {
            self.close(index);
        } else {
            self.plan_probe(index, now);
        }
    }

    /// A handler refused an event: that says nothing of what is behind it.
    pub(crate) fn breaker_rejected(&mut self, slot: u32, probe: bool) {
        let index = self.index_of(self.deliveries[slot].policy);
        if self.breakers[index].is_open() {
            if probe || self.bugs.has(Sabotage::BreakerHearsOthers) {
                self.plan_probe(index, self.now);
            }
        } else if self.bugs.has(Sabotage::BreakerCountsRejections) {
            self.weigh_failure(slot, false);
        }
    }

    /// A retryable failure: what it means for its event, and whether it opens the breaker.
    pub(crate) fn weigh_failure(&mut self, slot: u32, probe: bool) -> Weight {
        let index = self.index_of(self.deliveries[slot].policy);
        let Some(rules) = self.rules(index) else { return Weight::Counts };
        let (now, breaker) = (self.now, &mut self.breakers[index]);
        if let Some(open) = breaker.open.as_mut() {
            if probe || self.bugs.has(Sabotage::BreakerHearsOthers) {
                open.successes = 0;
            }
            return if self.bugs.has(Sabotage::BreakerCountsProbes) { Weight::Counts } else { Weight::Void };
        }
        let delivery = &mut self.deliveries[slot];
        if self.bugs.has(Sabotage::BreakerCountsAttempts) {
            delivery.counted = 0;
        }
        let key = match self.lanes.get(delivery.lane).key() {
            LaneKey::Alone => (delivery.partition, LaneKey::Alone, delivery.offset.0),
            key => (delivery.partition, key, 0),
        };
        let silence = silence(&rules, self.settings.policies[index].backoff.max);
        breaker.failure(&rules, now, silence, &mut delivery.counted, key);
        if !breaker.is_wide(&rules) {
            return Weight::Counts;
        }
        if now < breaker.began.after(rules.time) && !self.bugs.has(Sabotage::BreakerHasty) {
            return if self.bugs.has(Sabotage::BreakerNeverDoubts) { Weight::Counts } else { Weight::Doubted(rules.probe) };
        }
        self.open(index, &rules);
        Weight::Void
    }

    fn open(&mut self, index: usize, rules: &BreakerRules) {
        let limit = self.settings.until_end.then(|| self.now.after(rules.limit));
        let breaker = &mut self.breakers[index];
        let (policy, began) = (named(index), breaker.began);
        let (events, keys) = (breaker.events, u32::try_from(breaker.keys.len()).unwrap_or(u32::MAX));
        let next_probe = self.now.after(rules.probe);
        breaker.open = Some(Open { since: self.now, successes: 0, probe: None, next_probe, limit });
        breaker.forget();
        self.open_breakers += 1;
        self.restraints += 1;
        self.gates[index].clock.stop(self.now);
        self.deadlines.add(next_probe, Due::Probe(u32::from(policy.0)));
        if let Some(limit) = limit {
            self.deadlines.add(limit, Due::BreakerLimit(u32::from(policy.0)));
        }
        self.out.push(Effect::Alert(Alert::BreakerOpened { policy, events, keys, millis: self.now.0.saturating_sub(began.0) }));
    }

    fn close(&mut self, index: usize) {
        let breaker = &mut self.breakers[index];
        let Some(open) = breaker.open.take() else { return };
        let (policy, millis) = (named(index), self.now.0.saturating_sub(open.since.0));
        breaker.era = breaker.era.saturating_add(1);
        self.open_breakers -= 1;
        self.restraints -= 1;
        self.gates[index].clock.go_on(self.now);
        self.deadlines.remove(open.next_probe, Due::Probe(u32::from(policy.0)));
        if let Some(limit) = open.limit {
            self.deadlines.remove(limit, Due::BreakerLimit(u32::from(policy.0)));
        }
        self.lanes.let_go(usize::from(policy.0));
        self.out.push(Effect::Alert(Alert::BreakerClosed { policy, millis }));
    }

    pub(crate) fn breaker_limit(&mut self, index: u32) {
        let at = index as usize;
        let now = self.now;
        let Some(open) = self.breakers.get_mut(at).and_then(|breaker| breaker.open.as_mut()) else { return };
        open.limit = None;
        let millis = now.0.saturating_sub(open.since.0);
        self.out.push(Effect::Alert(Alert::BreakerStaysOpen { policy: named(at), millis }));
    }

    fn plan_probe(&mut self, index: usize, at: Timestamp) {
        let Some(open) = self.breakers[index].open.as_mut() else { return };
        let policy = u32::from(named(index).0);
        self.deadlines.remove(open.next_probe, Due::Probe(policy));
        open.next_probe = at;
        self.deadlines.add(at, Due::Probe(policy));
    }

    /// Whether a delivery is the probe of an open breaker.
    #[inline]
    pub(crate) fn is_probe(&self, slot: u32) -> bool {
        let probe = |slot: u32| self.breakers[self.index_of(self.deliveries[slot].policy)].open.and_then(|open| open.probe);
        self.open_breakers > 0 && probe(slot) == Some(self.deliveries[slot].id(slot))
    }

    /// A delivery left its run. If it was the probe, the next one may follow after a pause; a success makes it follow at once.
    pub(crate) fn probe_ended(&mut self, slot: u32) {
        let id = self.deliveries[slot].id(slot);
        let index = self.index_of(self.deliveries[slot].policy);
        let Some(rules) = self.rules(index) else { return };
        let Some(open) = self.breakers[index].open.as_mut().filter(|open| open.probe == Some(id)) else { return };
        open.probe = None;
        self.plan_probe(index, self.now.after(rules.probe));
    }

    /// Starts a probe of an open breaker if it has none and its pause is over. The lanes set aside form a queue, and a lane whose probe
    /// failed joins its end: so probes rotate.
    pub(crate) fn probe(&mut self, index: usize, runs: &mut Runs) {
        while self.may_probe(index) && self.may_start(index) {
            let Some(lane) = self.lanes.pop_held(index) else { return };
            if !self.arrests(lane) {
                self.start_single(index, lane, runs, false);
            }
        }
    }

    /// Whether a breaker is open, nobody finds out whether its outage is over, and somebody may.
    pub(crate) fn may_probe(&self, index: usize) -> bool {
        self.breakers[index].open.is_some_and(|open| open.probe.is_none() && open.next_probe <= self.now)
    }

    /// This delivery is the probe, if the breaker is open.
    pub(crate) fn note_probe(&mut self, index: usize, probe: DeliveryId) {
        if let Some(open) = self.breakers[index].open.as_mut() {
            open.probe = Some(probe);
        }
    }
}

/// After so long without a failure a stretch is over: longer than any event waits for its next attempt.
fn silence(rules: &BreakerRules, longest_wait: u64) -> u64 {
    rules.time.saturating_mul(6).max(longest_wait.saturating_mul(2))
}

/// Policies are numbered by 16 bits.
fn named(index: usize) -> PolicyId {
    PolicyId(u16::try_from(index).unwrap_or(u16::MAX))
}
