//! The inbox that the members share: marks, group commits, look-ups against what a member has seen so far.

use std::collections::{HashMap, HashSet};

use onceward_engine::{DeliveryId, Dependency, Digest, Epoch, Input, MarkResult, Offset, Order, Policy};

use super::life::{Mark, Place};
use super::turn::named;
use super::{Happening, Step, World};
use crate::sim::check::broken;

/// A durable mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Durable {
    pub(super) digest: u32,
    /// Marks are numbered in the order in which they became durable.
    pub(super) number: u64,
    pub(super) by: usize,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) marks: HashMap<u128, Durable>,
    pub(super) number: u64,
    /// The committed offset that the store remembers, per partition.
    pub(super) remembered: Vec<Option<i64>>,
}

impl Store {
    pub(super) fn new(partitions: usize) -> Self {
        Self { marks: HashMap::new(), number: 0, remembered: vec![None; partitions] }
    }
}

impl World {
    pub(super) fn policy(&self, partition: usize) -> &Policy {
        let policies = &self.plan.settings.policies;
        &policies[partition % policies.len()]
    }

    /// What the store calls the record's lane: its key, or the whole partition. `None`: a lane of its own.
    fn lane(&self, place: Place) -> Option<u128> {
        let policy = self.policy(place.partition);
        match policy.order {
            Order::Partition => Some(0),
            Order::None => None,
            Order::Key => {
                let serial = policy.null_keys == onceward_engine::NullKeys::Serial;
                self.logs[place.partition].records[place.index].key.or(serial.then_some(u128::MAX))
            }
        }
    }

    pub(super) fn catch_up(&mut self, life: usize, partition: usize, epoch: Epoch) -> Step {
        if !self.lives[life].alive {
            return Ok(());
        }
        if self.down.contains(&Dependency::Inbox) {
            let at = self.now + 10;
            self.queue.at(at, Happening::CatchUp { life, partition, epoch });
            return Ok(());
        }
        self.lives[life].saw = self.store.number;
        if let Some(held) = self.lives[life].held.get_mut(&partition).filter(|held| held.epoch == epoch) {
            held.saw = self.store.number;
        }
        let at = self.soon();
        let remembered = self.store.remembered[partition].map(Offset);
        self.answer(life, at, Input::CaughtUp { partition: named(partition), epoch, remembered });
        Ok(())
    }

    /// Answers look-ups from what the member sees: its own marks, and foreign ones up to its last catch-up.
    pub(super) fn look_ups(&mut self, life: usize, ids: &[DeliveryId]) -> Step {
        if !self.lives[life].alive {
            return Ok(());
        }
        let mut pending = Vec::new();
        for &id in ids {
            let Some(&place) = self.lives[life].places.get(&id) else { continue };
            let event = self.logs[place.partition].records[place.index].event;
            let member = &self.lives[life];
            // A mark on its way to the disk: the answer waits for it.
            let queued = member.marks.iter().chain(member.committing.iter().flatten());
            if queued.clone().any(|mark| self.logs[mark.place.partition].records[mark.place.index].event == event) {
                pending.push(id);
                continue;
            }
            let mark = self.store.marks.get(&event).filter(|mark| mark.by == life || mark.number <= member.saw);
            let seen = mark.map(|mark| Digest(mark.digest));
            let at = self.now + self.rng.within(0, 2);
            self.answer(life, at, Input::LookedUp { delivery: id, seen });
        }
        if !pending.is_empty() {
            let at = self.now + 3;
            self.queue.at(at, Happening::LookUps { life, ids: pending });
        }
        Ok(())
    }

    pub(super) fn group_later(&mut self, life: usize) {
        if !self.lives[life].group_due && !self.lives[life].marks.is_empty() {
            self.lives[life].group_due = true;
            let at = self.now + self.rng.within(0, 5);
            self.queue.at(at, Happening::GroupBegins { life });
        }
    }

    /// A transaction begins: marks of released epochs are left out of it.
    pub(super) fn group_begins(&mut self, life: usize) -> Step {
        if !self.lives[life].alive {
            return Ok(());
        }
        if self.down.contains(&Dependency::Inbox) {
            let at = self.now + 10;
            self.queue.at(at, Happening::GroupBegins { life });
            return Ok(());
        }
        let size = self.rng.pick(&[1, 2, 4, 1_000]).min(self.lives[life].marks.len());
        let group: Vec<Mark> = self.lives[life].marks.drain(..size).collect();
        let (kept, dropped): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|mark| self.holds(life, mark.place.partition, mark.place.epoch));
        for mark in dropped {
            let at = self.soon();
            self.answer(life, at, Input::Marked { delivery: mark.delivery, result: MarkResult::Dropped });
        }
        self.lives[life].committing = Some(kept);
        let at = self.now + self.rng.within(0, 5);
        self.queue.at(at, Happening::GroupEnds { life });
        Ok(())
    }

    pub(super) fn group_ends(&mut self, life: usize) -> Step {
        // A process that dies during the commit leaves it done or undone.
        if !self.lives[life].alive && self.rng.percent(50) {
            return Ok(());
        }
        let group = self.lives[life].committing.take().unwrap_or_default();
        let mut failed: HashSet<(usize, Epoch, u128)> = HashSet::new();
        let at = self.soon();
        for mark in group {
            let result = self.write(life, mark, &mut failed)?;
            self.answer(life, at, Input::Marked { delivery: mark.delivery, result });
        }
        // A transaction shows what others wrote before it.
        self.lives[life].saw = self.store.number;
        // What is queued behind a failure in its lane ran on effects that were taken back.
        let queued: Vec<Mark> = self.lives[life].marks.drain(..).collect();
        for mark in queued {
            let lane = self.lane(mark.place).map(|lane| (mark.place.partition, mark.place.epoch, lane));
            if lane.is_some_and(|lane| failed.contains(&lane)) {
                self.answer(life, at, Input::Marked { delivery: mark.delivery, result: MarkResult::RolledBack });
            } else {
                self.lives[life].marks.push_back(mark);
            }
        }
        self.lives[life].group_due = false;
        self.group_later(life);
        Ok(())
    }

    /// Insert first; then the statements; a failure takes the rest of its lane back.
    fn write(
        &mut self,
        life: usize,
        mark: Mark,
        failed: &mut HashSet<(usize, Epoch, u128)>,
    ) -> Result<MarkResult, (usize, crate::sim::check::Violation)> {
        let place = mark.place;
        let lane = self.lane(place);
        let lane_key = lane.map(|lane| (place.partition, place.epoch, lane));
        let record = self.logs[place.partition].records[place.index];
        if lane_key.is_some_and(|key| failed.contains(&key)) {
            return Ok(MarkResult::RolledBack);
        }
        if let Some(durable) = self.store.marks.get(&record.event) {
            self.excused.insert((place.partition, record.offset));
            return Ok(MarkResult::Duplicate { digest: Digest(durable.digest) });
        }
        if mark.effects {
            let failures = self.failed_effects.entry(record.event).or_insert(0);
            if *failures < record.behaviour.failing_effects {
                *failures += 1;
                failed.extend(lane_key);
                return Ok(MarkResult::EffectFailed { fatal: record.behaviour.fatal_effects });
            }
        }
        self.store.number += 1;
        self.store.marks.insert(record.event, Durable { digest: record.digest, number: self.store.number, by: life });
        if mark.effects && lane.is_some() {
            let last = self.lives[life].effect_order.entry((place.partition, place.epoch, lane)).or_insert(i64::MIN);
            if *last > record.offset {
                let what =
                    format!("partition {}: effects of offset {} became durable after those of {last}", place.partition, record.offset);
                return broken("I2", what).map_err(|v| (life, v));
            }
            *last = record.offset;
        }
        Ok(MarkResult::Durable)
    }
}
