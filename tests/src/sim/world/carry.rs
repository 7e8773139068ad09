//! What the driver does with each order.

use onceward_engine::{Alert, DeliveryId, Dependency, Effect, Epoch, Input, Offset, Reason};

use super::life::{Held, Mark, Place, Run};
use super::turn::named;
use super::{Happening, Step, World};
use crate::sim::check::{Violation, broken};
use crate::sim::plan::{Day, Trouble};

impl World {
    pub(super) fn carry_out(&mut self, life: usize, effect: Effect) -> Step {
        match effect {
            Effect::CatchUp { partition, epoch, .. } => {
                let at = self.soon() + self.rng.pick(&[0, 0, 50]);
                self.queue.at(at, Happening::CatchUp { life, partition: partition.0 as usize, epoch });
            }
            Effect::LookUp(ids) => {
                let at = self.soon();
                self.queue.at(at, Happening::LookUps { life, ids });
            }
            Effect::Dispatch(runs) => {
                for run in runs.iter() {
                    let ids: Vec<_> = run.iter().map(|member| member.0).collect();
                    let run = self.start_run(life, &ids, runs.alone)?;
                    self.schedule_handler(life, run);
                }
            }
            Effect::DispatchBatch(runs) => self.start_batch(life, &runs)?,
            Effect::Cancel { delivery } => self.stop_handler(life, delivery),
            Effect::Mark(ids) => {
                for id in ids {
                    let Some(&place) = self.lives[life].places.get(&id) else { continue };
                    let effects = self.lives[life].effects.remove(&id).unwrap_or(false);
                    self.lives[life].marks.push_back(Mark { delivery: id, place, effects });
                }
                self.group_later(life);
            }
            Effect::DeadLetter(letter) => {
                let place = self.lives[life].places.get(&letter.delivery);
                let event = place.map(|place| self.logs[place.partition].records[place.index].event);
                let deaths = event.and_then(|event| self.deaths.get(&event)).copied().unwrap_or(0);
                if letter.reason == Reason::Crashed && deaths < self.plan.settings.crash_limit {
                    return broken("I6", format!("{:?} did not kill a process often enough", letter.delivery)).map_err(|v| (life, v));
                }
                if letter.reason == Reason::Exhausted && matches!(self.plan.day, Day::Outage { strict: true, .. }) {
                    return broken("I12", format!("{:?} is dead-lettered because of an outage", letter.delivery)).map_err(|v| (life, v));
                }
                if let Some(&place) = self.lives[life].places.get(&letter.delivery) {
                    self.produce_letter(life, letter.delivery, place);
                }
            }
            Effect::Commit { partition, epoch, next } => {
                let at = self.soon();
                self.queue.at(at, Happening::CommitArrives { life, partition: partition.0 as usize, epoch, next: next.0 });
            }
            Effect::Pause { partition, epoch } => self.pause(life, partition.0 as usize, epoch, true),
            Effect::Resume { partition, epoch } => self.pause(life, partition.0 as usize, epoch, false),
            Effect::Seek { partition, epoch, to } => {
                if let Some(held) = self.held(life, partition.0 as usize, epoch) {
                    held.position = to.0;
                    held.in_gap = false;
                    held.said_end = None;
                }
            }
            Effect::Release { partition, epoch } => self.released(life, partition.0 as usize, epoch),
            Effect::Forget(fates) => {
                for (id, _) in fates {
                    self.lives[life].forget(id);
                }
            }
            Effect::Alert(alert) => self.alerted(life, alert)?,
            Effect::Finished => {}
            // Without a ledger nothing of it is ordered: the checker says so.
            Effect::ReadLedger { .. }
            | Effect::Claim { .. }
            | Effect::Record(_)
            | Effect::FetchLetters(_)
            | Effect::Superseded { .. }
            | Effect::Reassign { .. }
            | Effect::Remove { .. }
            | Effect::FindOldestLetter { .. } => {}
        }
        Ok(())
    }

    fn pause(&mut self, life: usize, partition: usize, epoch: Epoch, paused: bool) {
        if let Some(held) = self.held(life, partition, epoch) {
            held.paused = paused;
        }
    }

    /// A partition as its source knows it; orders of an epoch that is over are not carried out.
    fn held(&mut self, life: usize, partition: usize, epoch: Epoch) -> Option<&mut Held> {
        self.lives[life].held.get_mut(&partition).filter(|held| held.epoch == epoch)
    }

    /// A run is in a handler's hands.
    pub(super) fn start_run(&mut self, life: usize, ids: &[DeliveryId], alone: bool) -> Result<u64, (usize, Violation)> {
        let mut members = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(&place) = self.lives[life].places.get(id) else { continue };
            members.push((*id, place));
            self.visible_marks(life, place)?;
        }
        self.next_run += 1;
        let run = self.next_run;
        self.lives[life].runs.insert(run, Run { members, at: 0, alone, together: false });
        Ok(run)
    }

    /// I5 across processes: whatever the inbox showed when the partition was caught up is not handled again.
    fn visible_marks(&self, life: usize, place: Place) -> Step {
        let record = &self.logs[place.partition].records[place.index];
        let saw = self.lives[life].held.get(&place.partition).filter(|held| held.epoch == place.epoch).map_or(0, |held| held.saw);
        if self.store.marks.get(&record.event).is_some_and(|mark| mark.number <= saw) {
            let what = format!(
                "partition {} offset {} dispatched, but its mark was visible when the inbox caught up",
                place.partition, record.offset
            );
            return broken("I5", what).map_err(|v| (life, v));
        }
        Ok(())
    }

    fn produce_letter(&mut self, life: usize, delivery: DeliveryId, place: Place) {
        if self.down.contains(&Dependency::Producer) {
            self.held_letters.push((life, delivery, place));
            return;
        }
        // Acknowledgements overtake each other.
        let at = self.soon() + self.rng.within(0, 20);
        self.queue.at(at, Happening::LetterArrives { life, delivery, place });
    }

    pub(super) fn letter_arrives(&mut self, life: usize, delivery: DeliveryId, place: Place) -> Step {
        // What a dying process had in its buffers may or may not have left it.
        if !self.lives[life].alive && self.rng.percent(50) {
            return Ok(());
        }
        self.letters.insert((place.partition, self.logs[place.partition].records[place.index].offset));
        let at = self.soon();
        self.answer(life, at, Input::DeadLettered { delivery, letter: Offset(0) });
        Ok(())
    }

    pub(super) fn commit_arrives(&mut self, life: usize, partition: usize, epoch: Epoch, next: i64) -> Step {
        if !self.lives[life].alive && self.rng.percent(50) {
            return Ok(());
        }
        let fails = !self.healed() && self.rng.percent(self.plan.commit_errors);
        let ours = self.logs[partition].owner == Some((life, epoch));
        // A commit that fails may have been stored all the same.
        let stored = ours && (!fails || self.rng.percent(30));
        if stored {
            self.check_commit(life, partition, next)?;
            self.logs[partition].committed = Some(next);
        }
        let at = self.soon();
        if ours && !fails {
            if self.lives[life].alive {
                self.store.remembered[partition] = Some(next);
            }
            self.answer(life, at, Input::Committed { partition: named(partition), epoch, next: Offset(next) });
        } else {
            self.answer(life, at, Input::CommitFailed { partition: named(partition), epoch });
        }
        Ok(())
    }

    fn alerted(&mut self, life: usize, alert: Alert) -> Step {
        self.coverage.alert(&alert);
        match alert {
            Alert::Gap { partition, from, to, halted } => {
                self.logs[partition.0 as usize].told.push((from.0, to.0));
                if halted {
                    self.call_operator(partition.0 as usize);
                }
            }
            Alert::Rewound { partition, halted: true, .. } => self.call_operator(partition.0 as usize),
            Alert::BreakerOpened { .. } if matches!(self.plan.day, Day::Stormy) => {
                return broken("I12", "half of the events fail, and the breaker takes that for an outage").map_err(|v| (life, v));
            }
            _ => {}
        }
        Ok(())
    }

    fn call_operator(&mut self, partition: usize) {
        let at = self.now + self.rng.within(5, 1_000);
        self.queue.at(at, Happening::Operator { partition });
        for _ in 0..2 {
            let at = self.now + self.rng.within(1, 5);
            self.queue.at(at, Happening::Trouble(Trouble::Stray));
        }
        if !self.healed() && self.rng.percent(20) {
            let at = self.now + self.rng.within(1, 5);
            self.queue.at(at, Happening::GiveAgain { partition });
        }
    }
}
