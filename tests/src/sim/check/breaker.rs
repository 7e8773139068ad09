//! When failures are an outage, by the checker's own reading: it keeps every outcome of the stretch and works it out anew each time.

use std::collections::HashSet;

use onceward_engine::{BreakerRules, DeliveryId, PartitionId, Timestamp};

use super::delivery::Lane;
use super::{Verdict, Watch, broken};

/// What a failed attempt is to its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Counts,
    /// It would not count as the last one.
    Doubted,
    /// The breaker is open.
    Void,
}

#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: u64,
    /// `None`: a success.
    failed: Option<(DeliveryId, PartitionId, Lane)>,
}

/// The breaker of one policy, as it should be.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    stretch: Vec<Outcome>,
    last_failure: u64,
    open_since: Option<u64>,
    pub(super) probe: Option<DeliveryId>,
    next_probe: u64,
    successes: u32,
    /// It opened or closed, and nobody was told.
    untold: bool,
    told_limit: bool,
    /// Events whose failure counted since the last outage.
    counted: HashSet<DeliveryId>,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.open_since.is_some()
    }

    /// Open, and no probe may start now.
    pub(super) fn bars(&self, now: Timestamp) -> bool {
        self.is_open() && (self.probe.is_some() || now.0 < self.next_probe)
    }

    /// Failed events and keys of the stretch, and whether it holds: its weight never fell below zero.
    fn evidence(&self, rules: &BreakerRules) -> Option<(usize, usize)> {
        let (mut events, mut keys, mut weight) = (Vec::new(), Vec::new(), 0_i64);
        let each = 100 - i64::from(rules.percent);
        for outcome in &self.stretch {
            match outcome.failed {
                None => weight -= i64::from(rules.percent),
                Some((id, partition, lane)) => {
                    if !keys.contains(&(partition, lane)) {
                        keys.push((partition, lane));
                    }
                    if !events.contains(&id) {
                        events.push(id);
                        weight = (weight + each).min(each * i64::from(rules.events));
                    }
                }
            }
            if weight < 0 {
                return None;
            }
        }
        Some((events.len(), keys.len()))
    }
}

impl Watch {
    fn breaker_and_rules(&mut self, policy: usize) -> Option<(&mut Breaker, BreakerRules, u64)> {
        let of = self.policy(policy);
        let (rules, longest) = (of.breaker?, of.backoff.max);
        let breaker = self.breakers.get_mut(policy)?;
        Some((breaker, rules, (rules.time * 6).max(longest * 2)))
    }

    /// While the breaker is open only probes say whether the outage is over.
    pub(super) fn succeeded(&mut self, policy: usize, probe: bool) {
        let now = self.now.0;
        let Some((breaker, rules, _)) = self.breaker_and_rules(policy) else { return };
        if breaker.is_open() {
            if !probe {
                return;
            }
            breaker.successes += 1;
            breaker.next_probe = now;
            if breaker.successes >= rules.successes {
                breaker.open_since = None;
                breaker.counted.clear();
                breaker.untold = !breaker.untold;
            }
            self.look_at_clock(policy);
            return;
        }
        breaker.stretch.push(Outcome { at: now, failed: None });
        if breaker.evidence(&rules).is_none() {
            breaker.stretch.clear();
        }
    }

    pub(super) fn rejected_by_handler(&mut self, policy: usize, probe: bool) {
        let now = self.now.0;
        if let Some((breaker, ..)) = self.breaker_and_rules(policy).filter(|breaker| probe && breaker.0.is_open()) {
            breaker.next_probe = now;
        }
    }

    pub(super) fn weigh(&mut self, id: DeliveryId, probe: bool) -> Weight {
        let now = self.now.0;
        let Some((policy, partition, lane)) = self.deliveries.get(&id).map(|d| (d.policy, d.partition, d.lane)) else {
            return Weight::Counts;
        };
        let Some((breaker, rules, silence)) = self.breaker_and_rules(policy) else { return Weight::Counts };
        if breaker.is_open() {
            breaker.successes = if probe { 0 } else { breaker.successes };
            return Weight::Void;
        }
        if !breaker.stretch.is_empty() && now - breaker.last_failure.min(now) > silence {
            breaker.stretch.clear();
            breaker.counted.clear();
        }
        breaker.last_failure = now;
        // An event fails once, however often it is tried.
        if breaker.counted.insert(id) {
            breaker.stretch.push(Outcome { at: now, failed: Some((id, partition, lane)) });
        }
        let (events, keys) = breaker.evidence(&rules).unwrap_or_default();
        if events < rules.events as usize || keys < rules.keys as usize {
            return Weight::Counts;
        }
        if breaker.stretch.first().is_some_and(|first| now - first.at < rules.time) {
            return Weight::Doubted;
        }
        breaker.stretch.clear();
        breaker.open_since = Some(now);
        breaker.successes = 0;
        breaker.probe = None;
        breaker.next_probe = now + rules.probe;
        breaker.untold = !breaker.untold;
        breaker.told_limit = false;
        self.look_at_clock(policy);
        Weight::Void
    }

    /// A delivery is in nobody's hands any more. The next probe follows after a pause, unless the outcome says more. Whether it was a probe.
    pub(super) fn probe_ended(&mut self, id: DeliveryId, policy: usize) -> bool {
        let now = self.now.0;
        if let Some((breaker, rules, _)) = self.breaker_and_rules(policy).filter(|breaker| breaker.0.probe == Some(id)) {
            breaker.probe = None;
            breaker.next_probe = now + rules.probe;
            return breaker.is_open();
        }
        false
    }

    /// While the breaker is open nothing starts but one probe at a time.
    pub(super) fn barred(&mut self, head: DeliveryId, length: usize) -> Verdict {
        let now = self.now;
        let Some((policy, offset)) = self.deliveries.get(&head).map(|d| (d.policy, d.offset)) else { return Ok(()) };
        let Some(breaker) = self.breakers.get_mut(policy).filter(|breaker| breaker.is_open()) else { return Ok(()) };
        if breaker.bars(now) || length > 1 {
            return broken("I12", format!("a run of {length} from offset {offset} on starts while the breaker is open"));
        }
        breaker.probe = Some(head);
        Ok(())
    }

    pub(super) fn breaker_alert(&mut self, policy: u16, opened: bool) -> Verdict {
        let Some(breaker) = self.breakers.get_mut(usize::from(policy)) else { return broken("I12", "a breaker of nobody") };
        // Opened and closed before anybody asked for orders: both are told, in that order.
        breaker.untold = !breaker.untold;
        let last = breaker.is_open() == opened;
        if (last && breaker.untold) || (!last && !breaker.untold) {
            return broken("I12", format!("the breaker says that it is open ({opened}), after {:?}", breaker.stretch));
        }
        Ok(())
    }

    pub(super) fn breaker_limit(&mut self, policy: u16) -> Verdict {
        let now = self.now.0;
        let until_end = self.settings.until_end;
        let Some((breaker, rules, _)) = self.breaker_and_rules(usize::from(policy)) else { return broken("I12", "a limit of nobody") };
        let over = breaker.open_since.is_some_and(|since| now >= since + rules.limit);
        if !until_end || !over || breaker.told_limit {
            return broken("I10", format!("the limit of an open breaker is told at {now}, open since {:?}", breaker.open_since));
        }
        breaker.told_limit = true;
        Ok(())
    }

    pub(super) fn breakers_at_rest(&self, due: bool) -> Verdict {
        for (index, breaker) in self.breakers.iter().enumerate() {
            if breaker.untold {
                return broken("I12", format!("the breaker of policy {index} is open ({}) in silence", breaker.is_open()));
            }
            let limit = self.policy(index).breaker.map(|rules| rules.limit);
            let over = breaker.open_since.zip(limit).is_some_and(|(since, limit)| self.now.0 >= since + limit);
            if self.settings.until_end && over && !breaker.told_limit && !due {
                return broken("I10", format!("the breaker of policy {index} stays open, and the run until the end goes on in silence"));
            }
        }
        Ok(())
    }
}
