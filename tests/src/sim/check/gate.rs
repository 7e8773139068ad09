//! What keeps events of a policy from starting, by the checker's own reading: it keeps every start and weighs all spans of time anew.

use onceward_engine::{DeliveryId, PolicyId, Runs, Timestamp};

use super::{Verdict, Watch, broken};

/// The gate of one policy, as it should be.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    pub(super) suspended: bool,
    /// When how many events started.
    starts: Vec<(u64, u64)>,
    /// Since when time budgets stand still, and for how long they did before.
    still_since: Option<u64>,
    stood_still: u64,
}

impl Gate {
    /// Whether so many more starts keep to the rate, in thousandths per second: over any span no more than the span's worth and what may
    /// be saved up, a tenth of a second's worth but at least one start.
    fn allows(&self, rate: u64, more: u64, now: u64) -> bool {
        let saved = (rate * 100).max(1_000_000);
        let mut sum = more;
        self.starts.iter().rev().all(|&(at, count)| {
            sum += count;
            sum * 1_000_000 <= saved + rate * (now - at)
        }) && more * 1_000_000 <= saved
    }
}

impl Watch {
    pub(super) fn budget_clock(&self, policy: usize) -> Timestamp {
        let Some(gate) = self.gates.get(policy) else { return self.now };
        let current = gate.still_since.map_or(0, |since| self.now.0 - since);
        Timestamp(self.now.0 - gate.stood_still - current)
    }

    /// The breaker or a person may have stopped or started a policy.
    pub(super) fn look_at_clock(&mut self, policy: usize) {
        let now = self.now.0;
        let open = self.breakers.get(policy).is_some_and(super::breaker::Breaker::is_open);
        let Some(gate) = self.gates.get_mut(policy) else { return };
        match (open || gate.suspended, gate.still_since) {
            (true, None) => gate.still_since = Some(now),
            (false, Some(since)) => {
                gate.still_since = None;
                gate.stood_still += now - since;
            }
            _ => {}
        }
    }

    pub(super) fn suspended(&mut self, policy: PolicyId, suspended: bool) -> bool {
        let index = usize::from(policy.0);
        let Some(gate) = self.gates.get_mut(index).filter(|gate| gate.suspended != suspended) else { return false };
        gate.suspended = suspended;
        self.look_at_clock(index);
        true
    }

    /// Whether a run may start as far as its policy is concerned.
    pub(super) fn passes(&mut self, head: DeliveryId, length: usize) -> Verdict {
        let now = self.now.0;
        let Some((policy, offset)) = self.deliveries.get(&head).map(|d| (d.policy, d.offset)) else { return Ok(()) };
        let rate = self.policy(policy).max_rate;
        let Some(gate) = self.gates.get_mut(policy) else { return Ok(()) };
        if gate.suspended {
            return broken("I4", format!("a run of {length} from offset {offset} on starts although its policy is suspended"));
        }
        let more = length as u64;
        if let Some(rate) = rate
            && !gate.allows(u64::from(rate), more, now)
        {
            return broken("I4", format!("a run of {length} from offset {offset} on is over the rate of {rate} thousandths per second"));
        }
        gate.starts.push((now, more));
        Ok(())
    }

    /// A call of a batch handler, before its runs are looked at one by one.
    pub(super) fn batch(&mut self, runs: &Runs) -> Verdict {
        let members: Vec<_> = runs.deliveries.iter().filter_map(|(id, _)| self.deliveries.get(id)).collect();
        let Some(first) = members.first() else { return broken("I2", "an empty batch") };
        let policy = first.policy;
        let Some(batching) = self.policy(policy).batch else { return broken("I6", "a batch for a handler of single events") };
        if members.iter().any(|member| member.policy != policy) {
            return broken("I6", "a batch for two handlers");
        }
        if members.len() > batching.most as usize {
            return broken("I4", format!("a batch of {} where {} are allowed", members.len(), batching.most));
        }
        if let Some(alone) = members.iter().find(|member| member.alone && members.len() > 1) {
            return broken("I6", format!("offset {} is in a batch of {} after its batch failed", alone.offset, members.len()));
        }
        self.next_batch += 1;
        if self.batches_of(policy) >= batching.parallel as usize {
            return broken("I4", format!("{} batches in flight already", self.batches_of(policy)));
        }
        Ok(())
    }

    fn batches_of(&self, policy: usize) -> usize {
        let of_policy = self.runs.values().filter(|run| run.policy == policy).filter_map(|run| run.batch);
        let mut batches: Vec<_> = of_policy.filter(|batch| !self.stuck_batches.contains(batch)).collect();
        batches.sort_unstable();
        batches.dedup();
        batches.len()
    }

    /// Handlers at work: one for each run, and one for each batch.
    pub(super) fn at_work(&self) -> usize {
        let mut batches: Vec<_> = self.runs.values().filter_map(|run| run.batch).collect();
        let single = self.runs.len() - batches.len();
        batches.sort_unstable();
        batches.dedup();
        single + batches.len()
    }

    /// Whether something that is ready has to wait for its gate.
    pub(super) fn shut(&self, policy: usize, due: bool) -> bool {
        let Some(gate) = self.gates.get(policy) else { return false };
        let of = self.policy(policy);
        let rate = of.max_rate.is_some_and(|rate| due || !gate.allows(u64::from(rate), 1, self.now.0));
        let batch = of.batch.is_some_and(|batching| self.batches_of(policy) >= batching.parallel as usize);
        gate.suspended || rate || batch
    }
}
