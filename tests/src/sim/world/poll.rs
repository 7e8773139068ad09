//! Fetching: what is not paused is handed in, as far as there is room.

use onceward_engine::{Digest, EventHash, Fetched, Input, KeyHash, Offset, PolicyId};

use super::life::Place;
use super::turn::named;
use super::{Happening, Step, World};

impl World {
    /// Plans a poll if it would bring something.
    pub(super) fn poll_later(&mut self, life: usize) {
        let member = &self.lives[life];
        if member.poll_due || !member.alive {
            return;
        }
        // Whether a poll would bring something of a partition, and whether there is room for that.
        let mut brings = member.held.iter().filter_map(|(partition, held)| {
            let log = &self.logs[*partition];
            let unread = held.position < log.end_now() || held.said_end != Some(log.end_now());
            let next = log.records[..log.produced].get(log.index(held.position));
            let fits = next.is_none_or(|record| member.engine.accepts(named(*partition), record.bytes));
            (unread && !held.paused && !(held.in_gap && held.position < log.oldest)).then_some(fits)
        });
        if let Some(first) = brings.next() {
            // Where the next records do not fit, there is no hurry.
            let hurry = first || brings.any(|fits| fits);
            if !hurry && member.engine.snapshot().room_records == 0 {
                return;
            }
            self.lives[life].poll_due = true;
            let at = self.now + if hurry { self.rng.within(1, 10) } else { self.rng.within(50, 200) };
            self.queue.at(at, Happening::Poll { life });
        }
    }

    pub(super) fn poll(&mut self, life: usize) -> Step {
        self.lives[life].poll_due = false;
        if !self.lives[life].alive {
            return Ok(());
        }
        self.drain(life)?;
        let mut partitions: Vec<usize> = self.lives[life].held.keys().copied().collect();
        if self.rng.percent(50) {
            partitions.reverse();
        }
        for partition in partitions {
            // What was under way when the partition was paused still arrives.
            let paused = self.lives[life].held.get(&partition).is_none_or(|held| held.paused);
            if !paused || self.rng.percent(3) {
                self.fetch(life, partition)?;
            }
        }
        if self.lives[life].alive { self.drain(life) } else { Ok(()) }
    }

    fn fetch(&mut self, life: usize, partition: usize) -> Step {
        let Some(held) = self.lives[life].held.get(&partition).cloned() else { return Ok(()) };
        let oldest = self.logs[partition].oldest;
        if held.position < oldest {
            if !held.in_gap && !held.revoking {
                if let Some(held) = self.lives[life].held.get_mut(&partition) {
                    held.in_gap = true;
                }
                let (from, to) = (Offset(held.position), Offset(oldest));
                self.deliver(life, Input::Gap { partition: named(partition), epoch: held.epoch, from, to })?;
            }
            return Ok(());
        }
        let wanted = self.rng.pick(&[1, 3, 10]);
        for _ in 0..wanted {
            if !self.hand_in(life, partition, held.epoch)? {
                break;
            }
        }
        self.say_end(life, partition, held.epoch)
    }

    /// Hands in the next record, if there is one and there is room.
    fn hand_in(
        &mut self,
        life: usize,
        partition: usize,
        epoch: onceward_engine::Epoch,
    ) -> Result<bool, (usize, crate::sim::check::Violation)> {
        if !self.holds(life, partition, epoch) {
            return Ok(false);
        }
        let log = &self.logs[partition];
        let position = self.lives[life].held[&partition].position;
        let index = log.index(position);
        let Some(record) = log.records[..log.produced].get(index).copied() else { return Ok(false) };
        if !self.lives[life].engine.accepts(named(partition), record.bytes) {
            self.lives[life].watch.refused(named(partition), record.bytes).map_err(|violation| (life, violation))?;
            self.deliver(life, Input::Refused { bytes: record.bytes })?;
            return Ok(false);
        }
        if let Some(held) = self.lives[life].held.get_mut(&partition) {
            held.position = record.offset + 1;
        }
        let fetched = self.fetched(life, Place { partition, index, epoch });
        self.deliver(life, fetched)?;
        Ok(true)
    }

    /// The fact that a record arrived.
    pub(super) fn fetched(&mut self, life: usize, place: Place) -> Input {
        let delivery = self.lives[life].accept(place);
        let record = &self.logs[place.partition].records[place.index];
        Input::Fetched(Fetched {
            delivery,
            partition: named(place.partition),
            epoch: place.epoch,
            offset: Offset(record.offset),
            key: record.key.map(KeyHash),
            event: EventHash(record.event),
            digest: Digest(record.digest),
            bytes: record.bytes,
            policy: PolicyId(u16::try_from(place.partition % self.plan.settings.policies.len()).unwrap_or(0)),
            refused: record.refused,
            ignored: record.ignored,
        })
    }

    fn say_end(&mut self, life: usize, partition: usize, epoch: onceward_engine::Epoch) -> Step {
        let end = self.logs[partition].end_now();
        let read = self.logs[partition].index(end);
        let Some(held) = self.lives[life].held.get_mut(&partition).filter(|held| held.epoch == epoch) else { return Ok(()) };
        if self.logs[partition].index(held.position) < read || held.said_end == Some(end) {
            return Ok(());
        }
        held.position = held.position.max(end);
        held.said_end = Some(end);
        self.deliver(life, Input::ReachedEnd { partition: named(partition), epoch, position: Offset(end) })
    }

    /// Producers go on for a while.
    pub(super) fn produce(&mut self, partition: usize) -> Step {
        let more = usize::try_from(self.rng.within(1, 6)).unwrap_or(1);
        let log = &mut self.logs[partition];
        log.produced = (log.produced + more).min(log.records.len());
        if log.produced < log.records.len() {
            let at = self.now + self.rng.within(5, 100);
            self.queue.at(at, Happening::Produce { partition });
        }
        for life in 0..self.lives.len() {
            self.poll_later(life);
        }
        Ok(())
    }
}
