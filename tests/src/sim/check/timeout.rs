//! Handlers that take too long, as the checker sees them: run by run, since the start of the member in a handler's hands.

use onceward_engine::{DeliveryId, Timestamp};

use super::delivery::Stage;
use super::{Verdict, Watch, broken};

/// A cancelled handler that goes on for this long is stuck.
const GRACE: u64 = 1_000;

/// A run in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) left: u32,
    /// The call of a batch handler that it is part of.
    pub(super) batch: Option<u64>,
    pub(super) policy: usize,
    pub(super) since: Timestamp,
    pub(super) cancelled: Option<Timestamp>,
    pub(super) told: bool,
}

impl Watch {
    /// The member that a handler works on, when its delivery is that.
    fn in_hands(&mut self, id: DeliveryId) -> Option<(&mut Run, Option<u64>)> {
        let run = self.deliveries.get(&id).filter(|d| d.stage == Stage::Running)?.run;
        if self.before(id).any(|(_, d)| d.stage == Stage::Running && d.run == run) {
            return None;
        }
        let timeout = self.policy(self.runs.get(&run)?.policy).handler_timeout;
        Some((self.runs.get_mut(&run)?, timeout))
    }

    pub(super) fn cancel(&mut self, id: DeliveryId) -> Verdict {
        let now = self.now;
        let Some((run, timeout)) = self.in_hands(id) else { return broken("I7", format!("{id:?} is cancelled, but it does not run")) };
        if run.cancelled.is_some() || timeout.is_none_or(|timeout| now < run.since.after(timeout)) {
            return broken("I6", format!("{id:?} is cancelled at {now:?}, started at {:?}, with {timeout:?}", run.since));
        }
        run.cancelled = Some(now);
        Ok(())
    }

    pub(super) fn stuck(&mut self, id: DeliveryId) -> Verdict {
        let now = self.now;
        let Some((run, _)) = self.in_hands(id) else { return broken("I7", format!("{id:?} is called stuck, but it does not run")) };
        if run.told || run.cancelled.is_none_or(|at| now < at.after(GRACE)) {
            return broken("I6", format!("{id:?} is called stuck at {now:?}, cancelled at {:?}", run.cancelled));
        }
        run.told = true;
        let batch = run.batch;
        self.stuck_batches.extend(batch);
        Ok(())
    }

    /// No handler holds its lane for longer than it may without anybody knowing.
    pub(super) fn timeouts_at_rest(&self, due: bool) -> Verdict {
        for (number, run) in &self.runs {
            let Some(timeout) = self.policy(run.policy).handler_timeout.filter(|_| !due) else { continue };
            let silent = run.cancelled.is_none() && self.now >= run.since.after(timeout);
            if silent || (!run.told && run.cancelled.is_some_and(|at| self.now >= at.after(GRACE))) {
                return broken("I3", format!("run {number} goes on since {:?}, and nobody stops it: {run:?}", run.since));
            }
        }
        Ok(())
    }
}
