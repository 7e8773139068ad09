//! The consumer group: who owns what, and every way in which that ends.

use onceward_engine::{Assignment, Dependency, Epoch, EventHash, Input, Offset, PolicyId, Suspect, Timestamp};

use super::life::{Held, Life};
use super::turn::named;
use super::{Happening, Step, World};
use crate::sim::plan::Trouble;

impl World {
    /// A process starts.
    pub(super) fn start(&mut self) {
        let mut life = Life::new(&self.plan.settings);
        if let Some(bug) = self.sabotage {
            life.engine.sabotage(bug);
        }
        self.lives.push(life);
    }

    /// What is running when a process ends is in its journal. If it was killed, and what started last started alone, that is charged.
    fn note_running(&mut self, life: usize, killed: bool) {
        let runs = &self.lives[life].runs;
        let last = runs.keys().copied().max().filter(|_| killed);
        for (number, run) in runs {
            let in_hands = if run.together { run.members.len() - run.at } else { 1 };
            for (_, place) in run.members.iter().skip(run.at).take(in_hands) {
                let event = self.logs[place.partition].records[place.index].event;
                let charged = u32::from(run.alone && last == Some(*number));
                *self.suspects.entry(event).or_insert(0) += charged;
                *self.deaths.entry(event).or_insert(0) += charged;
            }
        }
    }

    /// A member reads the journal.
    fn tell_suspects(&mut self, life: usize) -> Step {
        if self.suspects.is_empty() {
            return Ok(());
        }
        let suspects = self.suspects.iter().map(|(&event, &charges)| Suspect { event: EventHash(event), charges }).collect();
        self.deliver(life, Input::Suspects(suspects))
    }

    /// Gives a partition that nobody owns to somebody.
    pub(super) fn balance(&mut self, partition: usize) -> Step {
        if self.logs[partition].owner.is_some() || self.closing {
            return Ok(());
        }
        let able: Vec<usize> = (0..self.lives.len()).filter(|&life| self.lives[life].alive && !self.lives[life].stopping).collect();
        if able.is_empty() {
            let at = self.now + 20;
            self.queue.at(at, Happening::Balance { partition });
            return Ok(());
        }
        let life = able[self.rng.below(able.len())];
        self.assign(life, partition)
    }

    fn assign(&mut self, life: usize, partition: usize) -> Step {
        if let Some(offset) = self.logs[partition].operator.take() {
            self.logs[partition].committed = Some(offset);
            self.logs[partition].checked = self.logs[partition].index(offset);
        }
        self.next_epoch += 1;
        let epoch = Epoch(self.next_epoch);
        let log = &mut self.logs[partition];
        log.owner = Some((life, epoch));
        let from = log.committed.unwrap_or(log.oldest);
        let assignment = Assignment {
            partition: named(partition),
            epoch,
            from: Offset(from),
            committed: log.committed.is_some(),
            oldest: Offset(log.oldest),
            policy: PolicyId(u16::try_from(partition % self.plan.settings.policies.len()).unwrap_or(0)),
            ledger: false,
        };
        if log.committed.is_none() {
            log.told.push((i64::MIN, log.oldest));
        }
        let in_gap = from < log.oldest;
        let held = Held { epoch, position: from, paused: false, revoking: false, said_end: None, in_gap, saw: 0 };
        self.lives[life].held.insert(partition, held);
        if self.rng.percent(20) {
            let at = self.now + self.rng.within(0, 2);
            self.queue.at(at, Happening::Trouble(Trouble::Stray));
        }
        // A partition that is taken away before the inbox has caught up.
        if !self.healed() && self.rng.percent(4) {
            let at = self.now + self.rng.within(0, 5);
            self.queue.at(at, Happening::Trouble(self.rng.pick(&[Trouble::Move, Trouble::Lose, Trouble::GiveAgain])));
        }
        // What died before held this partition, perhaps: the journal is read again.
        self.tell_suspects(life)?;
        self.deliver(life, Input::Assigned(assignment))
    }

    /// The group asks for a partition.
    pub(super) fn revoke(&mut self, partition: usize) -> Step {
        let Some((life, epoch)) = self.logs[partition].owner else { return Ok(()) };
        if !self.lives[life].alive || self.lives[life].held.get(&partition).is_none_or(|held| held.revoking || held.epoch != epoch) {
            return Ok(());
        }
        if let Some(held) = self.lives[life].held.get_mut(&partition) {
            held.revoking = true;
        }
        let deadline = self.now + self.rng.pick(&[0, 10, 300, 5_000]);
        if !self.healed() && self.rng.percent(4) {
            let at = self.now + self.rng.within(0, 5);
            self.queue.at(at, Happening::GiveAgain { partition });
        }
        self.queue.at(deadline + 20_000, Happening::Evict { life, partition, epoch });
        if self.rng.percent(20) {
            let at = self.now + self.rng.within(0, 2);
            self.queue.at(at, Happening::Trouble(Trouble::Stray));
        }
        self.deliver(life, Input::Revoking { partition: named(partition), epoch, deadline: Timestamp(deadline) })
    }

    /// A member gave a partition back.
    pub(super) fn released(&mut self, life: usize, partition: usize, epoch: Epoch) {
        if self.holds(life, partition, epoch) {
            self.lives[life].held.remove(&partition);
        }
        if self.logs[partition].owner == Some((life, epoch)) {
            self.logs[partition].owner = None;
            let at = self.soon();
            self.queue.at(at, Happening::Balance { partition });
        }
        if self.lives[life].stopping && self.lives[life].held.is_empty() {
            self.note_running(life, false);
            self.lives[life].alive = false;
            if !self.closing {
                let at = self.now + self.rng.within(1, 100);
                self.queue.at(at, Happening::Restart);
            }
        }
    }

    /// The broker takes a partition from a member that is dead, or too late.
    pub(super) fn evict(&mut self, life: usize, partition: usize, epoch: Epoch) -> Step {
        if self.logs[partition].owner != Some((life, epoch)) {
            return Ok(());
        }
        self.logs[partition].owner = None;
        self.queue.at(self.now + 1, Happening::Balance { partition });
        self.notice(life, partition, epoch)
    }

    /// A member learns that a partition is no longer its own.
    pub(super) fn notice(&mut self, life: usize, partition: usize, epoch: Epoch) -> Step {
        if !self.holds(life, partition, epoch) {
            return Ok(());
        }
        self.lives[life].held.remove(&partition);
        if self.rng.percent(20) {
            let at = self.now + self.rng.within(0, 20);
            self.queue.at(at, Happening::Trouble(Trouble::Stray));
        }
        self.deliver(life, Input::Lost { partition: named(partition), epoch })?;
        let done = self.lives[life].stopping && self.lives[life].held.is_empty();
        if done && self.lives[life].alive {
            self.gone(life, false);
        }
        Ok(())
    }

    /// The process is gone, with everything in its memory.
    pub(super) fn crash(&mut self, life: usize) {
        self.gone(life, true);
    }

    fn gone(&mut self, life: usize, killed: bool) {
        if !self.lives[life].alive {
            return;
        }
        self.note_running(life, killed);
        self.lives[life].alive = false;
        for (partition, log) in self.logs.iter().enumerate() {
            if let Some((owner, epoch)) = log.owner.filter(|owner| owner.0 == life) {
                let at = self.now + self.rng.within(1, 300);
                self.queue.at(at, Happening::Evict { life: owner, partition, epoch });
            }
        }
        let at = self.now + self.rng.within(1, 200);
        self.queue.at(at, Happening::Restart);
    }

    /// A member stops as it should: it gives everything back, then ends.
    pub(super) fn stop(&mut self, life: usize) -> Step {
        if !self.lives[life].alive {
            return Ok(());
        }
        self.lives[life].stopping = true;
        for partition in 0..self.logs.len() {
            if self.logs[partition].owner.is_some_and(|owner| owner.0 == life) {
                self.revoke(partition)?;
            }
        }
        if self.lives[life].held.is_empty() && self.lives[life].alive {
            self.gone(life, false);
        }
        Ok(())
    }

    pub(super) fn trouble(&mut self, trouble: Trouble) -> Step {
        if self.closing {
            return Ok(());
        }
        let partition = self.rng.below(self.logs.len());
        let owner = self.logs[partition].owner;
        match (trouble, owner) {
            (Trouble::Crash, Some((life, _))) => self.crash(life),
            (Trouble::Stop, Some((life, _))) => self.stop(life)?,
            (Trouble::Move, Some(_)) => self.revoke(partition)?,
            (Trouble::Lose, Some((life, epoch))) => {
                self.logs[partition].owner = None;
                self.queue.at(self.now + 1, Happening::Balance { partition });
                let at = self.now + self.rng.pick(&[0, 20, 2_000]);
                self.queue.at(at, Happening::Notice { life, partition, epoch });
            }
            (Trouble::GiveAgain, Some(_)) => self.give_again(partition)?,
            (Trouble::Outage(dependency, millis), _) => self.outage(dependency, millis)?,
            (Trouble::Rewind, Some(_)) => self.rewind(partition)?,
            (Trouble::Delete, _) => self.delete(partition),
            (Trouble::Suspend(policy, millis), Some((life, _))) => {
                self.queue.at(self.now + millis, Happening::Resume { life, policy });
                self.deliver(life, Input::Suspended { policy: PolicyId(policy) })?;
            }
            (Trouble::Stray, _) => self.stray()?,
            _ => {}
        }
        Ok(())
    }

    /// A member is given anew what it still holds: it was away for too long and has not noticed.
    pub(super) fn give_again(&mut self, partition: usize) -> Step {
        match self.logs[partition].owner {
            Some((life, _)) if self.lives[life].alive && !self.lives[life].stopping && !self.closing => self.assign(life, partition),
            _ => Ok(()),
        }
    }

    fn outage(&mut self, dependency: Dependency, millis: u64) -> Step {
        if !self.down.insert(dependency) {
            return Ok(());
        }
        self.queue.at(self.now + millis, Happening::Over(dependency));
        for life in 0..self.lives.len() {
            self.deliver(life, Input::Down { dependency })?;
        }
        Ok(())
    }

    /// The outage is over.
    pub(super) fn over(&mut self, dependency: Dependency) -> Step {
        self.down.remove(&dependency);
        if dependency == Dependency::Producer {
            for (life, delivery, place) in std::mem::take(&mut self.held_letters) {
                let at = self.soon();
                self.queue.at(at, Happening::LetterArrives { life, delivery, place });
            }
        }
        for life in 0..self.lives.len() {
            self.deliver(life, Input::Up { dependency })?;
        }
        Ok(())
    }

    /// An operator stops the group's work on a partition and sets its offset back.
    fn rewind(&mut self, partition: usize) -> Step {
        let log = &mut self.logs[partition];
        let Some(committed) = log.committed.filter(|&committed| committed > log.oldest) else { return Ok(()) };
        let back = i64::try_from(self.rng.within(1, 20)).unwrap_or(1);
        log.operator = Some((committed - back).max(log.oldest));
        self.revoke(partition)
    }

    /// Retention deletes what is old, read or not.
    fn delete(&mut self, partition: usize) {
        let log = &mut self.logs[partition];
        if self.store.remembered[partition] > log.committed {
            return;
        }
        let until = log.index(log.committed.unwrap_or(log.oldest)) + usize::try_from(self.rng.within(0, 12)).unwrap_or(0);
        if let Some(record) = log.records[..log.produced].get(until) {
            log.oldest = log.oldest.max(record.offset);
            log.operator = None;
        }
    }

    /// A person reads the alert of a halted partition and decides: go on where we were, behind what is deleted.
    pub(super) fn operate(&mut self, partition: usize) -> Step {
        let log = &mut self.logs[partition];
        let committed = log.committed.unwrap_or(log.oldest);
        let offset = self.store.remembered[partition].unwrap_or(committed).max(committed).max(log.oldest);
        log.told.push((committed, log.oldest));
        log.operator = Some(offset);
        self.revoke(partition)?;
        if self.logs[partition].owner.is_none() {
            self.queue.at(self.now + 1, Happening::Balance { partition });
        }
        Ok(())
    }
}
