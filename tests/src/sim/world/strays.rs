//! Facts that come late, twice, or of an epoch that is over: they must change nothing.

use onceward_engine::{DeliveryId, Digest, Epoch, Input, MarkResult, Offset, Outcome, PartitionId, Timestamp};

use super::life::Place;
use super::turn::named;
use super::{Step, World};
use crate::sim::check::State;

impl World {
    pub(super) fn stray(&mut self) -> Step {
        let able: Vec<usize> = (0..self.lives.len()).filter(|&life| self.lives[life].alive).collect();
        if able.is_empty() {
            return Ok(());
        }
        let life = able[self.rng.below(able.len())];
        let partition = self.somewhere(life);
        for _ in 0..self.rng.within(3, 10) {
            let input =
                if self.rng.percent(50) { self.stray_of_partition(life, partition) } else { self.stray_of_delivery(life, partition) };
            if let Some(input) = input
                && self.lives[life].alive
            {
                self.deliver(life, input)?;
            }
        }
        Ok(())
    }

    /// A partition, the rarer its state the likelier; sometimes one that was never assigned.
    fn somewhere(&mut self, life: usize) -> usize {
        let watch = &self.lives[life].watch;
        let rare = (0..=self.logs.len()).filter(|&p| !matches!(watch.state(named(p)), State::Running | State::None)).collect::<Vec<_>>();
        if !rare.is_empty() && self.rng.percent(70) { rare[self.rng.below(rare.len())] } else { self.rng.below(self.logs.len() + 1) }
    }

    /// An epoch that is not the partition's current one.
    fn old_epoch(&mut self, life: usize, partition: usize) -> Epoch {
        let current = self.lives[life].held.get(&partition).map_or(0, |held| held.epoch.0);
        let epoch = self.rng.within(0, self.next_epoch);
        Epoch(if epoch == current { 0 } else { epoch })
    }

    fn stray_of_partition(&mut self, life: usize, partition: usize) -> Option<Input> {
        let epoch = self.old_epoch(life, partition);
        let offset = Offset(i64::try_from(self.rng.within(0, 60)).unwrap_or(0));
        let at = PartitionId(u32::try_from(partition).unwrap_or(0));
        Some(match self.rng.below(8) {
            0 => Input::CaughtUp { partition: at, epoch, remembered: Some(offset) },
            1 => Input::Committed { partition: at, epoch, next: offset },
            2 => Input::CommitFailed { partition: at, epoch },
            3 => Input::ReachedEnd { partition: at, epoch, position: offset },
            4 => Input::Gap { partition: at, epoch, from: offset, to: Offset(offset.0 + 5) },
            5 => Input::Revoking { partition: at, epoch, deadline: Timestamp(self.now + 50) },
            6 => Input::Lost { partition: at, epoch },
            _ => return self.stray_record(life, partition),
        })
    }

    /// A record of an epoch that is over, or one at an offset that was there before.
    fn stray_record(&mut self, life: usize, partition: usize) -> Option<Input> {
        let snapshot = self.lives[life].engine.snapshot();
        let mut epoch = self.old_epoch(life, partition);
        let log = self.logs.get(partition % self.logs.len())?;
        let mut index = self.rng.below(log.records.len());
        if let Some(held) = self.lives[life].held.get(&partition)
            && self.rng.percent(50)
        {
            // The record before the position was delivered in this epoch, unless reading has only just begun or moved.
            index = log.index(held.position).checked_sub(1)?;
            epoch = held.epoch;
        }
        let record = log.records[index];
        let known = self.lives[life].watch.delivered(named(partition), epoch, record.offset);
        if snapshot.room_records < 2 || snapshot.room_bytes < u64::from(record.bytes) || known == Some(false) {
            return None;
        }
        let place = Place { partition: partition % self.logs.len(), index, epoch };
        let Input::Fetched(mut fetched) = self.fetched(life, place) else { return None };
        fetched.partition = named(partition);
        Some(Input::Fetched(fetched))
    }

    fn stray_of_delivery(&mut self, life: usize, partition: usize) -> Option<Input> {
        let member = &self.lives[life];
        let of: Vec<DeliveryId> = member
            .graveyard
            .iter()
            .copied()
            .filter(|id| member.watch.partition_of(*id).is_some_and(|p| p.0 as usize == partition))
            .collect();
        if of.is_empty() {
            return None;
        }
        let delivery = of[self.rng.below(of.len())];
        let effects = self.rng.percent(50);
        Some(match self.rng.below(8) {
            0 => Input::LookedUp { delivery, seen: effects.then_some(Digest(1)) },
            1 => Input::Handled { delivery, outcome: Outcome::Done { effects } },
            2 => Input::Handled { delivery, outcome: Outcome::Retry { after: None } },
            3 => Input::NotStarted { delivery },
            4 => Input::Marked { delivery, result: MarkResult::Durable },
            5 => Input::Marked { delivery, result: MarkResult::EffectFailed { fatal: effects } },
            6 => Input::Marked { delivery, result: MarkResult::Dropped },
            _ => Input::DeadLettered { delivery, letter: Offset(0) },
        })
    }
}
