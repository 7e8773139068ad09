//! What orders may say.

use onceward_engine::{Alert, DeadLetter, DeliveryId, Effect, Epoch, PartitionId, Reason, Rejection};

use super::delivery::{LookUp, Stage};
use super::partition::{Partition, State};
use super::{Verdict, Violation, Watch, broken};

impl Watch {
    /// Judges an order.
    pub fn effect(&mut self, effect: &Effect) -> Verdict {
        if self.late && !matches!(effect, Effect::Forget(_)) {
            return broken("I7", format!("a late fact had an effect: {effect:?}"));
        }
        match effect {
            Effect::CatchUp { partition, epoch, .. } => self.ours(*partition, *epoch, "caught up").map(drop),
            Effect::LookUp(ids) => ids.iter().try_for_each(|id| self.look_up(*id)),
            Effect::Dispatch(runs) => self.dispatch(runs, None),
            Effect::DispatchBatch(runs) => {
                self.batch(runs)?;
                self.dispatch(runs, Some(self.next_batch))
            }
            Effect::Cancel { delivery } => self.cancel(*delivery),
            Effect::Mark(ids) => ids.iter().try_for_each(|id| self.mark(*id)),
            Effect::DeadLetter(letter) => self.letter(letter),
            Effect::Commit { partition, epoch, next } => self.commit(*partition, *epoch, next.0),
            Effect::Pause { partition, epoch } => self.pause(*partition, *epoch, true),
            Effect::Resume { partition, epoch } => self.pause(*partition, *epoch, false),
            Effect::Seek { partition, epoch, .. } => self.ours(*partition, *epoch, "moved").map(drop),
            Effect::Release { partition, epoch } => self.release(*partition, *epoch),
            Effect::Forget(fates) => fates.iter().try_for_each(|(id, fate)| self.forget(*id, *fate)),
            Effect::Alert(alert) => self.alert(alert),
            Effect::Finished => self.finish(),
            Effect::ReadLedger { .. }
            | Effect::Claim { .. }
            | Effect::Record(_)
            | Effect::FetchLetters(_)
            | Effect::Superseded { .. }
            | Effect::Reassign { .. }
            | Effect::Remove { .. }
            | Effect::FindOldestLetter { .. } => broken("I7", format!("there is no ledger: {effect:?}")),
        }
    }

    fn ours(&mut self, partition: PartitionId, epoch: Epoch, what: &str) -> Result<&mut Partition, Violation> {
        match self.partitions.get_mut(&partition).filter(|p| p.live_epoch(epoch)) {
            Some(home) => Ok(home),
            None => broken("I7", format!("{partition:?} {what}, but {epoch:?} is over")),
        }
    }

    fn look_up(&mut self, id: DeliveryId) -> Verdict {
        let Some(delivery) = self.current(id) else { return broken("I7", format!("look-up of {id:?}, which is over")) };
        match self.state(delivery.partition) {
            State::CatchingUp => return broken("I5", format!("{id:?} looked up before the inbox caught up")),
            State::Draining => return broken("I7", format!("{id:?} looked up while draining")),
            _ => {}
        }
        if delivery.look_up == LookUp::Asked || delivery.in_hands() {
            return broken("I5", format!("{id:?} looked up again while {:?}", delivery.stage));
        }
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.look_up = LookUp::Asked;
        }
        Ok(())
    }

    fn mark(&mut self, id: DeliveryId) -> Verdict {
        let Some(delivery) = self.current(id) else { return broken("I7", format!("mark of {id:?}, which is over")) };
        let at = format!("{:?} offset {}", delivery.partition, delivery.offset);
        let Stage::Done { effects } = delivery.stage else {
            return broken("I7", format!("mark of {at}, which no handler has finished: {:?}", delivery.stage));
        };
        for (_, earlier) in self.before(id) {
            let ordered = earlier.lets_pass() || matches!(earlier.stage, Stage::Done { .. } | Stage::Marking { .. });
            if !ordered {
                return broken("I2", format!("mark of {at} before offset {} of its lane, which is {:?}", earlier.offset, earlier.stage));
            }
        }
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.stage = Stage::Marking { effects };
        }
        Ok(())
    }

    fn letter(&mut self, letter: &DeadLetter) -> Verdict {
        let id = letter.delivery;
        let Some(delivery) = self.current(id) else { return broken("I7", format!("letter of {id:?}, which is over")) };
        let at = format!("{:?} offset {}", delivery.partition, delivery.offset);
        if delivery.stage != Stage::Idle && !(delivery.tainted && matches!(delivery.stage, Stage::Done { .. })) {
            return broken("I7", format!("letter of {at} while {:?}", delivery.stage));
        }
        if self.state(delivery.partition) == State::CatchingUp {
            return broken("I5", format!("letter of {at} before the inbox caught up"));
        }
        let conflict = self.digests.get(&delivery.event).is_some_and(|digests| digests.len() > 1)
            || self.known.get(&delivery.event).is_some_and(|&digest| digest != delivery.digest);
        let right = match (letter.reason, delivery.refused) {
            (Reason::Undecodable, Some(Rejection::Undecodable)) | (Reason::Invalid, Some(Rejection::Invalid)) => true,
            (Reason::Rejected, Some(Rejection::Rejected)) => true,
            (Reason::Conflict, None) => conflict && delivery.attempts == 0,
            (Reason::Crashed, None) => self.is_convicted(id) && delivery.look_up == LookUp::New,
            (Reason::Exhausted, None) if delivery.may_give_up => true,
            (reason, None) => delivery.given_up == Some(reason),
            _ => false,
        };
        if !right && letter.reason == Reason::Exhausted && delivery.doubted {
            return broken("I12", format!("{at} is given up for Exhausted while the breaker is about to open"));
        }
        if !right {
            return broken("I6", format!("letter of {at} for {:?} after {} attempts", letter.reason, delivery.attempts));
        }
        if letter.attempts != delivery.attempts {
            return broken("I6", format!("letter of {at} says {} attempts, there were {}", letter.attempts, delivery.attempts));
        }
        if delivery.attempts > 0 && (letter.first_failed, letter.last_failed) != (delivery.first_failed, delivery.last_failed) {
            return broken("I6", format!("letter of {at} says it failed at {:?} and {:?}", letter.first_failed, letter.last_failed));
        }
        for (_, earlier) in self.before(id) {
            if !earlier.lets_pass() {
                return broken("I2", format!("letter of {at} before offset {} of its lane, which is {:?}", earlier.offset, earlier.stage));
            }
        }
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.stage = Stage::Lettering;
            delivery.given_up = Some(letter.reason);
        }
        Ok(())
    }

    fn commit(&mut self, partition: PartitionId, epoch: Epoch, next: i64) -> Verdict {
        let home = self.ours(partition, epoch, "committed")?;
        if let Some(outstanding) = home.outstanding {
            return broken("I7", format!("{partition:?}: commit of {next} while that of {outstanding} is outstanding"));
        }
        if home.state == State::CatchingUp {
            return broken("I5", format!("{partition:?}: commit of {next} before the inbox caught up"));
        }
        let watermark = home.watermark();
        if next > watermark {
            return broken("I1", format!("{partition:?}: commit of {next}, but {watermark} is not resolved or not read"));
        }
        if let Some((from, to)) = home.unreported.iter().find(|gap| next > gap.0) {
            return broken("I1", format!("{partition:?}: commit of {next} past the gap {from}..{to}, of which nobody was told"));
        }
        home.outstanding = Some(next);
        home.refused = None;
        home.attempted = Some(next);
        Ok(())
    }

    fn pause(&mut self, partition: PartitionId, epoch: Epoch, paused: bool) -> Verdict {
        let home = self.ours(partition, epoch, "paused or resumed")?;
        if home.paused == paused {
            return broken("I4", format!("{partition:?}: paused twice, or resumed twice (paused: {paused})"));
        }
        home.paused = paused;
        Ok(())
    }

    fn release(&mut self, partition: PartitionId, epoch: Epoch) -> Verdict {
        let home = self.ours(partition, epoch, "released")?;
        if home.state != State::Draining {
            return broken("I7", format!("{partition:?} released, but nobody asked for it"));
        }
        if home.outstanding.is_some() {
            return broken("I7", format!("{partition:?} released while a commit is outstanding"));
        }
        if home.live > 0 {
            return broken("I7", format!("{partition:?} released with {} deliveries alive", home.live));
        }
        let owed = home.owed();
        if home.ran && owed > home.attempted.unwrap_or(home.assignment.from.0) {
            return broken("I10", format!("{partition:?} released at {:?}, but {owed} is resolved", home.attempted));
        }
        if home.ran && home.asks_again() && owed > home.acknowledged.unwrap_or(home.assignment.from.0) {
            return broken("I10", format!("{partition:?} released although its last commit was refused and its drain lasts"));
        }
        home.state = State::Over;
        Ok(())
    }

    fn alert(&mut self, alert: &Alert) -> Verdict {
        match *alert {
            Alert::Rewound { partition, .. } => {
                if let Some(home) = self.partitions.get_mut(&partition) {
                    home.rewound = false;
                }
            }
            Alert::Gap { partition, from, to, halted } => {
                let Some(home) = self.partitions.get_mut(&partition) else {
                    return broken("I7", format!("{partition:?}: a gap of nobody"));
                };
                home.unreported.retain(|gap| *gap != (from.0, to.0));
                if !halted && home.window.first().is_none_or(|first| first >= from.0) {
                    home.skip_to(to.0);
                } else if !halted {
                    // What lies before the gap still holds the watermark; behind it the gap is passed.
                    home.start = home.start.max(to.0);
                }
            }
            Alert::Conflict { .. } | Alert::ReplayRefused { .. } | Alert::LetterGone { .. } => {}
            Alert::Stuck { delivery, .. } => return self.stuck(delivery),
            Alert::BreakerOpened { policy, .. } => return self.breaker_alert(policy.0, true),
            Alert::BreakerClosed { policy, .. } => return self.breaker_alert(policy.0, false),
            Alert::BreakerStaysOpen { policy, .. } => return self.breaker_limit(policy.0),
            Alert::DrainTimedOut { partition, running } => {
                let early = self.partitions.get(&partition).is_none_or(|p| self.now < p.deadline);
                if early || running == 0 {
                    return broken("I10", format!("{partition:?}: the drain timed out with {running} running at {:?}", self.now));
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Verdict {
        if self.finished {
            return broken("I10", "finished twice");
        }
        self.finished = true;
        let mut any = false;
        for (id, home) in self.partitions.iter().filter(|(_, p)| p.state != State::Over) {
            any = true;
            let end = home.end.filter(|&end| home.last.is_none_or(|last| end > last));
            let Some(end) = end else { return broken("I10", format!("finished, but {id:?} is not read to its end")) };
            if home.live > 0 || home.watermark() < end {
                return broken("I10", format!("finished, but {id:?} has {} unresolved", home.live));
            }
            if end > home.acknowledged.unwrap_or(home.assignment.from.0) {
                return broken("I10", format!("finished, but {id:?} is committed to {:?} of {end}", home.acknowledged));
            }
        }
        if any && self.settings.until_end { Ok(()) } else { broken("I10", "finished without an end to reach") }
    }
}
