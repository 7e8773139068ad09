//! Handlers: one run after the other's end, member by member, each event with a behaviour of its own.

use onceward_engine::{DeliveryId, Input, Outcome, Runs};

use super::life::Run;
use super::{Happening, Step, World};
use crate::sim::plan::Day;

impl World {
    /// The run's next member starts.
    pub(super) fn schedule_handler(&mut self, life: usize, run: u64) {
        let Some(&(_, place)) = self.lives[life].runs.get(&run).and_then(|run| run.members.get(run.at)) else {
            self.lives[life].runs.remove(&run);
            return;
        };
        let record = &self.logs[place.partition].records[place.index];
        let takes = if self.stopped.contains(&record.event) { record.behaviour.takes.min(8) } else { record.behaviour.takes };
        let at = self.now + takes;
        self.queue.at(at, Happening::HandlerEnds { life, run });
    }

    pub(super) fn handler_ends(&mut self, life: usize, run: u64) -> Step {
        if !self.lives[life].alive {
            return Ok(());
        }
        let Some(state) = self.lives[life].runs.get_mut(&run) else { return Ok(()) };
        let Some(&(delivery, place)) = state.members.get(state.at) else { return Ok(()) };
        let record = self.logs[place.partition].records[place.index];
        if record.behaviour.kills {
            self.crash(life);
            return Ok(());
        }
        state.at += 1;
        let rest: Vec<_> = state.members[state.at..].iter().map(|member| member.0).collect();
        let outcome = self.outcome(place.partition, place.index);
        if outcome != Outcome::Cancelled {
            self.suspects.remove(&record.event);
        }
        if let Outcome::Done { effects } = outcome
            && self.lives[life].places.contains_key(&delivery)
        {
            self.lives[life].effects.insert(delivery, effects);
        }
        // A run ends its members one after the other, and so they are reported.
        let at = self.now;
        self.answer(life, at, Input::Handled { delivery, outcome });
        if matches!(outcome, Outcome::Done { .. }) {
            self.schedule_handler(life, run);
        } else {
            self.lives[life].runs.remove(&run);
            for delivery in rest {
                self.answer(life, at, Input::NotStarted { delivery });
            }
        }
        Ok(())
    }

    /// A batch handler has several runs in hands. It ends as a whole when it fails, else each run as it comes.
    pub(super) fn start_batch(&mut self, life: usize, runs: &Runs) -> Step {
        let fails = runs.deliveries.len() > 1 && !self.healed() && self.rng.percent(self.plan.failing_batches);
        let mut started = Vec::new();
        for run in runs.iter() {
            let ids: Vec<_> = run.iter().map(|member| member.0).collect();
            let run = self.start_run(life, &ids, runs.alone)?;
            if let Some(run) = self.lives[life].runs.get_mut(&run) {
                run.together = true;
            }
            started.push(run);
        }
        if fails {
            let at = self.now + self.rng.within(0, 8);
            self.queue.at(at, Happening::BatchFails { life, runs: started });
        } else {
            started.into_iter().for_each(|run| self.schedule_handler(life, run));
        }
        Ok(())
    }

    pub(super) fn batch_fails(&mut self, life: usize, runs: &[u64]) -> Step {
        let members = runs.iter().filter_map(|run| self.lives[life].runs.get(run)).flat_map(|run| &run.members);
        if members.into_iter().any(|(_, place)| self.logs[place.partition].records[place.index].behaviour.kills) {
            self.crash(life);
            return Ok(());
        }
        for run in runs {
            let Some(run) = self.lives[life].runs.remove(run).filter(|_| self.lives[life].alive) else { continue };
            for (_, place) in &run.members {
                self.suspects.remove(&self.logs[place.partition].records[place.index].event);
            }
            for (delivery, _) in run.members {
                let at = self.now;
                self.answer(life, at, Input::Handled { delivery, outcome: Outcome::BatchFailed });
            }
        }
        Ok(())
    }

    /// Stops the handler that works on a delivery, unless it is one that can't be stopped.
    pub(super) fn stop_handler(&mut self, life: usize, delivery: DeliveryId) {
        let works_on = |run: &Run| run.members.get(run.at).is_some_and(|member| member.0 == delivery);
        let Some((&number, run)) = self.lives[life].runs.iter().find(|(_, run)| works_on(run)) else { return };
        let (place, rest) = (run.members[run.at].1, run.members[run.at + 1..].to_vec());
        let record = &self.logs[place.partition].records[place.index];
        if record.behaviour.stubborn {
            return;
        }
        self.suspects.remove(&record.event);
        self.stopped.insert(record.event);
        self.lives[life].runs.remove(&number);
        let at = self.soon();
        self.answer(life, at, Input::Handled { delivery, outcome: Outcome::Retry { after: None } });
        for (delivery, _) in rest {
            self.answer(life, at, Input::NotStarted { delivery });
        }
    }

    fn outcome(&mut self, partition: usize, index: usize) -> Outcome {
        let record = self.logs[partition].records[index];
        if !self.healed() && self.rng.percent(self.plan.cancels) {
            return Outcome::Cancelled;
        }
        if let Day::Outage { from, to, .. } = self.plan.day
            && (from..to).contains(&self.now)
        {
            return Outcome::Retry { after: record.behaviour.after };
        }
        let tries = self.tries.entry(record.event).or_insert(0);
        *tries += 1;
        if *tries > record.behaviour.failures {
            return Outcome::Done { effects: record.behaviour.effects };
        }
        match record.behaviour.rejects {
            Some(rejection) => Outcome::Reject(rejection),
            None => Outcome::Retry { after: record.behaviour.after },
        }
    }
}
