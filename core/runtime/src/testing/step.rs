//! One step after the other: whatever can happen now happens, one thing at a time, and only when nothing can does time move on.

use std::time::Duration;

use super::stage::{Life, Stage};
use crate::Error;

/// How far one call of `run` may go in simulated time: the longest time budget of a retry policy, three times.
const FARTHEST: u64 = 90 * 24 * 3_600_000;
/// Steps without any event resolved: an open breaker probes for ever.
const MOST: u64 = 300_000;
/// Time that is looked for handlers which wait without a timer of ours.
const BLIND: u64 = 24 * 3_600_000;

/// The longest time that can be asked for at once: clocks overflow.
const CENTURY: u64 = 36_525 * 24 * 3_600_000;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Something happened.
    Moved,
    /// Nothing is left to do, at any time.
    Idle,
    /// The limit is reached; nothing more happens before it.
    Reached,
}

/// Looks at a callback that is slow, or waits for time to pass, before the rig stops waiting for it.
const TOLD: u32 = 1_024;

impl Stage {
    /// Until nothing is left to do.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        self.life()?.store.look_at_the_clock()?;
        let limit = self.world.now().saturating_add(FARTHEST);
        let (mut steps, mut resolved) = (0_u64, self.world.lock().resolved);
        loop {
            match self.step(limit)? {
                Step::Idle if self.life()?.has_told() => return Ok(()),
                Step::Idle => {}
                Step::Reached => return Err(self.restless("90 days of simulated time")),
                Step::Moved => {}
            }
            let now = self.world.lock().resolved;
            steps = if now == resolved { steps.saturating_add(1) } else { 0 };
            resolved = now;
            if steps > MOST {
                return Err(self.restless("300,000 steps without an event handled or given up"));
            }
        }
    }

    fn restless(&mut self, after: &str) -> Error {
        let numbers = self.life.as_ref().map(|life| life.driver.engine.snapshot()).unwrap_or_default();
        let breakers = if numbers.breakers_open > 0 {
            ", and a breaker is open, which probes until a handler succeeds (breaker.enabled = false turns it off)"
        } else {
            ""
        };
        Error::Halted(format!(
            "the rig is not idle after {after}: {} events are in memory, {} of them wait for another attempt{breakers}. Use advance() to go on \
             for a while instead of run()",
            numbers.records, numbers.waiting
        ))
    }

    /// So far in time, with everything that happens until then.
    pub(super) fn advance(&mut self, by: Duration) -> Result<(), Error> {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX).min(CENTURY);
        let limit = self.world.now().saturating_add(by);
        loop {
            match self.step(limit)? {
                Step::Moved => {}
                Step::Idle => {
                    // Tasks of handlers that nobody awaits may have timers of their own.
                    self.sleep(limit)?;
                    if self.life()?.facts.is_empty() {
                        break;
                    }
                }
                Step::Reached => break,
            }
        }
        self.life()?.store.look_at_the_clock()
    }

    /// The next thing that happens, no later than at the limit.
    pub(super) fn step(&mut self, limit: u64) -> Result<Step, Error> {
        let (world, desk) = (self.world.clone(), self.desk.clone());
        let life = self.life()?;
        let mut facts = 0;
        while let Ok(fact) = life.facts.try_recv() {
            life.driver.take(fact);
            facts += 1;
        }
        let due = life.driver.next_due();
        if facts > 0 || due.is_some_and(|due| due.0 <= world.now()) {
            life.driver.turn();
            return match life.driver.ending.error.take() {
                None => Ok(Step::Moved),
                Some(error) => {
                    self.die();
                    Err(error)
                }
            };
        }
        if life.store.settle()? || life.feed.pump(&world) || life.shelf.pump(&world) || desk.pump(&world) {
            return Ok(Step::Moved);
        }
        let next = [due.map(|due| due.0), life.store.due(), desk.due()].into_iter().flatten().min();
        let until = match next {
            Some(next) => next,
            None if life.driver.engine.snapshot().running > 0 => world.now().saturating_add(BLIND),
            None => return Ok(Step::Idle),
        };
        if world.now() >= limit {
            return Ok(if life.has_ready() { Step::Moved } else { Step::Reached });
        }
        self.sleep(until.min(limit))?;
        Ok(Step::Moved)
    }

    /// Lets handlers run until something happens, or until then. Time moves only while all of them wait.
    fn sleep(&mut self, until: u64) -> Result<(), Error> {
        let (world, bell) = (self.world.clone(), std::sync::Arc::clone(&self.desk.bell));
        let life = self.life()?;
        let deadline = life.clock + Duration::from_millis(until.saturating_sub(life.began));
        life.runtime.block_on(async {
            tokio::select! {
                biased;
                () = bell.notified() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        });
        let elapsed = life.runtime.block_on(async { tokio::time::Instant::now() }).saturating_duration_since(life.clock);
        world.set_now(life.began.saturating_add(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)));
        Ok(())
    }
}

impl Life {
    /// Lets `on_dead_letter` hear of the letters that it has not heard of yet; `false`: something else came of it.
    fn has_told(&self) -> bool {
        for _ in 0..TOLD {
            if self.has_ready() {
                return false;
            }
            if self.driver.alerts.are_told() {
                break;
            }
        }
        // The last one is on its way when the queue is empty.
        !self.has_ready()
    }

    /// Lets handlers go on that can without time moving; whether anything came of it.
    fn has_ready(&self) -> bool {
        self.runtime.block_on(async {
            // Ready tasks are polled between two yields of this one; a few rounds let them wake each other.
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
        });
        !self.facts.is_empty()
    }
}
