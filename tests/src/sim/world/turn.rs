//! The driver's part: hand in a fact, carry out what the engine orders, let the checker judge both.

use onceward_engine::{Input, PartitionId, Timestamp};

use super::{Happening, Step, World};
use crate::sim::kinds;
use crate::sim::scenario::Entry;

impl World {
    /// Schedules an answer, and now and then the same answer once more.
    pub(super) fn answer(&mut self, life: usize, at: u64, input: Input) {
        if self.rng.percent(self.plan.repeats) {
            let later = at + self.rng.pick(&[0, 1, 30, 1_000]);
            self.queue.at(later, Happening::Answer { life, input: input.clone(), again: true });
        }
        self.queue.at(at, Happening::Answer { life, input, again: false });
    }

    pub(super) fn answered(&mut self, life: usize, input: Input, again: bool) -> Step {
        if again && !self.lives[life].alive {
            return Ok(());
        }
        // Facts carry no number of the question: the driver gives one answer to each. A repeated one is only told apart when none is due.
        let ambiguous = again
            && match &input {
                Input::LookedUp { delivery, .. }
                | Input::Handled { delivery, .. }
                | Input::NotStarted { delivery }
                | Input::Marked { delivery, .. }
                | Input::DeadLettered { delivery, .. } => self.lives[life].watch.awaits(*delivery),
                Input::Committed { partition, epoch, .. } | Input::CommitFailed { partition, epoch } => {
                    self.lives[life].held.get(&(partition.0 as usize)).is_some_and(|held| held.epoch == *epoch)
                }
                _ => false,
            };
        if ambiguous { Ok(()) } else { self.deliver(life, input) }
    }

    /// Hands a fact to an engine. It may stay undrained as long as the clock stands still.
    pub(super) fn deliver(&mut self, life: usize, input: Input) -> Step {
        let now = Timestamp(self.now);
        let partitions = self.plan.partitions;
        let member = &mut self.lives[life];
        if !member.alive {
            return Ok(());
        }
        self.inputs += 1;
        self.coverage.input(&member.watch, partitions, &input);
        member.log.push(Entry { at: self.now, input: input.clone(), more: true });
        member.watch.input(now, &input);
        member.engine.handle(now, input);
        member.undrained = true;
        if self.rng.percent(self.plan.lag) { Ok(()) } else { self.drain(life) }
    }

    /// Carries out everything the engine orders. The process may die after any of it.
    pub(super) fn drain(&mut self, life: usize) -> Step {
        self.lives[life].undrained = false;
        if let Some(last) = self.lives[life].log.last_mut() {
            last.more = false;
        }
        while let Some(effect) = self.lives[life].engine.next_effect() {
            self.lives[life].watch.effect(&effect).map_err(|v| (life, v))?;
            let kind = kinds::of_effect(&effect);
            self.carry_out(life, effect)?;
            self.effects_seen[kind] += 1;
            let point = (kind, self.effects_seen[kind]);
            if self.plan.crash_points.contains(&point) && !self.closing {
                self.coverage.crash(kind);
                self.crash(life);
                return Ok(());
            }
        }
        let member = &mut self.lives[life];
        let deadline = member.engine.next_deadline();
        member.watch.rest(&member.engine.snapshot(), deadline).map_err(|v| (life, v))?;
        if let Some(Timestamp(at)) = deadline
            && member.tick_due.is_none_or(|due| at < due)
        {
            let at = at.max(self.now);
            member.tick_due = Some(at);
            self.queue.at(at, Happening::Tick { life, at });
        }
        self.poll_later(life);
        Ok(())
    }

    /// Whether a member holds a partition in this epoch.
    pub(super) fn holds(&self, life: usize, partition: usize, epoch: onceward_engine::Epoch) -> bool {
        self.lives[life].alive && self.lives[life].held.get(&partition).is_some_and(|held| held.epoch == epoch)
    }
}

/// The name of a partition.
pub(super) fn named(partition: usize) -> PartitionId {
    PartitionId(u32::try_from(partition).unwrap_or(u32::MAX))
}
