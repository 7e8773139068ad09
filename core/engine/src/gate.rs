//! Gates: what keeps events of a policy from starting although a handler is free.
//!
//! A policy may be suspended by a person, its breaker may be open, its rate may be used up, or its events may start in batches only. A
//! lane that is ready but may not start stands in its policy's queue, behind those that came before it, so nothing overtakes and no key
//! starves. While a policy can't start anything for reasons that are not its events' (suspended, breaker open), time budgets stand still.

use crate::Runs;
use crate::deadline::Due;
use crate::delivery::NIL;
use crate::engine::Engine;
use crate::ids::{PolicyId, Timestamp};
use crate::sabotage::Sabotage;

/// One start, in the unit in which a rate is saved up: a rate is in thousandths of a start per second, times are in milliseconds.
const START: u64 = 1_000_000;

/// What may be saved up while nothing starts: a tenth of a second's worth, and at least one start.
const SAVED: u64 = 100;

/// The gate of one policy.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    pub(crate) suspended: bool,
    /// Starts saved up, in parts of [`START`].
    saved: u64,
    saved_at: Timestamp,
    /// When the next start is possible, while lanes wait for it.
    due: Option<Timestamp>,
    /// Batches in flight that are not stuck.
    pub(crate) batches: u32,
    pub(crate) clock: BudgetClock,
}

/// A clock that stands still while its policy can't start anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BudgetClock {
    /// How many reasons there are to stand still.
    stops: u8,
    since: Timestamp,
    stood_still: u64,
}

impl BudgetClock {
    pub(crate) fn read(self, now: Timestamp) -> Timestamp {
        let current = if self.stops > 0 { now.0.saturating_sub(self.since.0) } else { 0 };
        Timestamp(now.0.saturating_sub(self.stood_still).saturating_sub(current))
    }

    pub(crate) fn stop(&mut self, now: Timestamp) {
        if self.stops == 0 {
            self.since = now;
        }
        self.stops += 1;
    }

    pub(crate) fn go_on(&mut self, now: Timestamp) {
        self.stops = self.stops.saturating_sub(1);
        if self.stops == 0 {
            self.stood_still = self.stood_still.saturating_add(now.0.saturating_sub(self.since.0));
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        // As much as can be saved up: nothing has started yet.
        Self { suspended: false, saved: u64::MAX, saved_at: Timestamp(0), due: None, batches: 0, clock: BudgetClock::default() }
    }
}

impl Gate {
    /// How many starts the rate allows now.
    fn starts(&mut self, rate: u32, now: Timestamp) -> u32 {
        let rate = u64::from(rate.max(1));
        let most = rate.saturating_mul(SAVED).max(START);
        let gained = rate.saturating_mul(now.0.saturating_sub(self.saved_at.0));
        self.saved = self.saved.saturating_add(gained).min(most);
        self.saved_at = now;
        u32::try_from(self.saved / START).unwrap_or(u32::MAX)
    }

    /// When the next start is possible.
    fn next_start(&self, rate: u32, now: Timestamp) -> Timestamp {
        now.after(START.saturating_sub(self.saved).div_ceil(u64::from(rate.max(1))))
    }
}

impl Engine {
    #[inline]
    pub(crate) fn index_of(&self, policy: PolicyId) -> usize {
        let index = usize::from(policy.0);
        if index < self.gates.len() { index } else { 0 }
    }

    /// Where the time budgets of a policy's events stand.
    #[inline]
    pub(crate) fn budget_clock(&self, policy: PolicyId) -> Timestamp {
        self.gates[self.index_of(policy)].clock.read(self.now)
    }

    /// Whether a policy has a gate that is always looked at.
    pub(crate) fn is_gated(policy: &crate::Policy) -> bool {
        policy.max_rate.is_some() || policy.batch.is_some()
    }

    /// A person stops or starts a policy. Saying it twice changes nothing.
    pub(crate) fn suspend(&mut self, policy: PolicyId, suspended: bool) {
        let index = usize::from(policy.0);
        let Some(gate) = self.gates.get_mut(index).filter(|gate| gate.suspended != suspended) else { return };
        gate.suspended = suspended;
        if suspended {
            gate.clock.stop(self.now);
            self.restraints += 1;
            if let Some(due) = gate.due.take() {
                self.deadlines.remove(due, Due::Gate(u32::from(policy.0)));
            }
        } else {
            gate.clock.go_on(self.now);
            self.restraints -= 1;
            if !self.breakers[index].is_open() {
                self.lanes.let_go(index);
            }
        }
    }

    /// How many events of a ready lane may start now. If none, the lane joins those of its policy that wait.
    pub(crate) fn passes(&mut self, lane: u32) -> Option<u32> {
        if self.restraints == 0 {
            return Some(u32::MAX);
        }
        let index = self.index_of(self.deliveries[self.lanes.get(lane).cursor].policy);
        let open = self.breakers[index].is_open() && !self.bugs.has(Sabotage::BreakerLeaks);
        let suspended = self.gates[index].suspended && !self.bugs.has(Sabotage::SuspensionLeaks);
        let batched = self.settings.policies[index].batch.is_some();
        let most = if open || suspended || batched || self.lanes.holds(index) { 0 } else { self.starts(index) };
        if most == 0 {
            self.lanes.hold(lane, index);
            return None;
        }
        Some(most)
    }

    /// How many events the rate of a policy allows to start now.
    pub(crate) fn starts(&mut self, index: usize) -> u32 {
        match self.settings.policies[index].max_rate {
            Some(rate) if !self.bugs.has(Sabotage::RateIgnored) => self.gates[index].starts(rate, self.now),
            _ => u32::MAX,
        }
    }

    /// So many events of a policy started.
    pub(crate) fn spend(&mut self, policy: PolicyId, events: u32) {
        let index = self.index_of(policy);
        if self.settings.policies[index].max_rate.is_some() {
            let gate = &mut self.gates[index];
            gate.saved = gate.saved.saturating_sub(u64::from(events).saturating_mul(START));
        }
    }

    /// Starts what waits at gates that are open by now.
    pub(crate) fn open_gates(&mut self, runs: &mut Runs) {
        for index in 0..self.gates.len() {
            if self.gates[index].suspended || !self.lanes.holds(index) {
                continue;
            }
            if self.breakers[index].is_open() {
                self.probe(index, runs);
            } else if let Some(batch) = self.settings.policies[index].batch {
                while self.may_start(index) {
                    self.start_batch(index, batch.most.max(1));
                }
            } else {
                while self.may_start(index) {
                    let most = self.starts(index);
                    let Some(lane) = self.lanes.pop_held(index) else { break };
                    if !self.arrests(lane) {
                        self.start_run(lane, runs, most, NIL);
                    }
                }
            }
            self.wait_for_rate(index);
        }
    }

    /// Whether a lane waits at the gate and nothing is in its way: no suspect, no lack of handlers, and not the rate.
    pub(crate) fn may_start(&mut self, index: usize) -> bool {
        !self.awaits_quiet() && self.totals.runs < self.settings.concurrency.max(1) && self.lanes.holds(index) && self.has_call(index)
    }

    /// Whether the rate and the batches in flight allow another call.
    fn has_call(&mut self, index: usize) -> bool {
        let free = self.settings.policies[index].batch.is_none_or(|batch| self.gates[index].batches < batch.parallel.max(1));
        free && self.starts(index) > 0
    }

    /// Whether a single event may start: nobody suspended its policy, and if the breaker is open, it is a probe.
    pub(crate) fn lets_single_pass(&mut self, index: usize) -> bool {
        let open = self.breakers[index].is_open();
        !self.gates[index].suspended && (!open || self.may_probe(index)) && self.has_call(index)
    }

    /// One event of a lane, to find out whether an outage is over, or who kills the process.
    pub(crate) fn start_single(&mut self, index: usize, lane: u32, runs: &mut Runs, suspect: bool) {
        let slot = self.lanes.get(lane).cursor;
        let id = self.deliveries[slot].id(slot);
        if self.settings.policies[index].batch.is_none() {
            self.start_run(lane, runs, 1, NIL);
            runs.alone |= suspect;
        } else {
            let mut single = Runs { alone: suspect, ..Runs::default() };
            let batch = self.open_batch(index);
            self.start_run(lane, &mut single, 1, batch);
            self.out.push(crate::Effect::DispatchBatch(single));
        }
        self.note_probe(index, id);
    }

    fn open_batch(&mut self, index: usize) -> u32 {
        self.gates[index].batches += 1;
        self.totals.runs += 1;
        self.batches.open()
    }

    /// Events of as many lanes as there are, in one call. An event whose batch failed comes alone.
    fn start_batch(&mut self, index: usize, most: u32) {
        let mut runs = Runs::default();
        let (mut left, mut batch) = (most.min(self.starts(index)), NIL);
        while left > 0 {
            let Some(lane) = self.lanes.first_held(index) else { break };
            let alone = self.deliveries[self.lanes.get(lane).cursor].alone && !self.bugs.has(Sabotage::BatchAgain);
            if alone && batch != NIL {
                break;
            }
            self.lanes.set_ready(lane, false);
            if self.arrests(lane) {
                if self.awaits_quiet() {
                    break;
                }
                continue;
            }
            if batch == NIL {
                batch = self.open_batch(index);
            }
            let before = runs.deliveries.len();
            self.start_run(lane, &mut runs, left, batch);
            left = left.saturating_sub(u32::try_from(runs.deliveries.len() - before).unwrap_or(u32::MAX));
            if alone {
                break;
            }
        }
        if batch != NIL {
            self.out.push(crate::Effect::DispatchBatch(runs));
        }
    }

    /// Whoever waits for nothing but the rate is looked at when the next start is possible.
    pub(crate) fn wait_for_rate(&mut self, index: usize) {
        let Some(rate) = self.settings.policies[index].max_rate else { return };
        if self.gates[index].due.is_some() || !self.lanes.holds(index) || self.starts(index) > 0 {
            return;
        }
        let at = self.gates[index].next_start(rate, self.now);
        self.gates[index].due = Some(at);
        self.deadlines.add(at, Due::Gate(u32::try_from(index).unwrap_or(u32::MAX)));
    }

    /// Dispatch looks at the clock itself.
    pub(crate) fn rate_is_due(&mut self, index: u32) {
        if let Some(gate) = self.gates.get_mut(index as usize) {
            gate.due = None;
        }
    }

    /// The run of a lane is over. Returns whether a handler is free again: in a batch it has all of its lanes in hands.
    pub(crate) fn leave_batch(&mut self, batch: u32, policy: PolicyId) -> bool {
        let Some(was_stuck) = self.batches.leave(batch) else { return false };
        if !was_stuck {
            self.call_is_over(policy);
        }
        true
    }

    /// A stuck call may never end: it is not waited for.
    pub(crate) fn batch_is_stuck(&mut self, batch: u32, policy: PolicyId) {
        if self.batches.report_stuck(batch) {
            self.call_is_over(policy);
        }
    }

    fn call_is_over(&mut self, policy: PolicyId) {
        let index = self.index_of(policy);
        self.gates[index].batches = self.gates[index].batches.saturating_sub(1);
    }
}

/// Batches in flight.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches {
    calls: Vec<Call>,
    free: Vec<u32>,
    /// How many are stuck.
    pub(crate) stuck: u32,
}

/// One call of a batch handler.
#[derive(Clone, Copy, Debug, Default)]
struct Call {
    /// Lanes with a run in it.
    lanes: u32,
    stuck: bool,
}

impl Batches {
    fn open(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.calls.push(Call::default());
            // Never more batches than lanes.
            (self.calls.len() - 1) as u32
        })
    }

    pub(crate) fn join(&mut self, batch: u32) {
        self.calls[batch as usize].lanes += 1;
    }

    /// Whether this is news.
    fn report_stuck(&mut self, batch: u32) -> bool {
        let news = !std::mem::replace(&mut self.calls[batch as usize].stuck, true);
        self.stuck += u32::from(news);
        news
    }

    /// When the last lane leaves: whether the call was stuck.
    fn leave(&mut self, batch: u32) -> Option<bool> {
        let call = &mut self.calls[batch as usize];
        call.lanes = call.lanes.saturating_sub(1);
        if call.lanes > 0 {
            return None;
        }
        let was_stuck = std::mem::take(&mut call.stuck);
        self.stuck -= u32::from(was_stuck);
        self.free.push(batch);
        Some(was_stuck)
    }
}
