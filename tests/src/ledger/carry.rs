//! What members order, and what becomes of it.

use onceward_engine::ledger::{Applied, Claim, LetterRecord, LetterState, Record};
use onceward_engine::{Alert, DeliveryId, Digest, Effect, Entry, Epoch, Fate, Input, MarkResult, Offset, Outcome, Runs};

use super::broker::{Key, Stored};
use super::judge::Verdict;
use super::member::Place;
use super::world::{Happening, World, Write, named};

impl World {
    pub(super) fn carry(&mut self, member: usize, effect: Effect) -> Verdict {
        match effect {
            Effect::ReadLedger { partition, epoch, reading } => {
                let at = self.soon();
                if let Some(held) = self.held(member, partition.0 as usize, epoch) {
                    let again = held.ledger.is_some();
                    (held.ledger, held.said_ledger_end) = (None, false);
                    held.reading = reading;
                    self.met.read_again += u64::from(again);
                }
                self.queue.at(at, Happening::ReadLedger { member, partition: partition.0 as usize, epoch });
            }
            Effect::Claim { partition, epoch, reading, prev } => {
                self.next_claim += 1;
                let id = self.next_claim;
                self.write(member, partition.0 as usize, epoch, Write::Claim { reading, prev, id });
            }
            Effect::Record(entry) => self.write(member, entry.partition.0 as usize, entry.epoch, Write::Record(entry, 0)),
            Effect::Remove { partition, epoch, records } => {
                for record in records {
                    self.write(member, partition.0 as usize, epoch, Write::Tombstone(record));
                }
            }
            Effect::FindOldestLetter { partition, epoch } => {
                let (oldest, at) = (self.logs[partition.0 as usize].oldest_letter, self.soon());
                let oldest = Offset(i64::try_from(oldest).unwrap_or(i64::MAX));
                self.queue.at(at, Happening::Answer { member, input: Input::OldestLetter { partition, epoch, oldest } });
            }
            Effect::FetchLetters(letters) => {
                self.judge_fetch(member, &letters)?;
                let at = self.soon();
                self.members[member].asked.extend(letters);
                self.queue.at(at, Happening::FetchesLetters { member });
            }
            Effect::Superseded { partition, epoch } => {
                self.met.superseded += 1;
                if let Some(held) = self.held(member, partition.0 as usize, epoch) {
                    held.disputed = true;
                }
            }
            Effect::Reassign { partition, epoch } => {
                let partition = partition.0 as usize;
                if self.held(member, partition, epoch).is_some_and(|held| held.disputed) {
                    // Who has lost it and does not know learns that it does not own it, and where it stands, like everybody else.
                    self.met.reassigned += 1;
                    let at = self.soon();
                    self.queue.at(at, Happening::Reassigned { member, partition, epoch });
                }
            }
            Effect::CatchUp { partition, epoch, .. } => {
                let at = self.soon();
                self.queue.at(at, Happening::CatchesUp { member, partition: partition.0 as usize, epoch });
            }
            Effect::LookUp(ids) => {
                let at = self.soon();
                self.queue.at(at, Happening::LooksUp { member, ids });
            }
            Effect::Dispatch(runs) | Effect::DispatchBatch(runs) => self.dispatch(member, &runs)?,
            Effect::Mark(ids) => {
                // Groups are committed one after the other.
                let last = (self.now + self.rng.within(0, 5)).max(self.members[member].last_group);
                self.members[member].last_group = last;
                self.queue.at(last, Happening::Marks { member, ids });
            }
            Effect::DeadLetter(letter) => {
                if let Some(place) = self.members[member].places.get(&letter.delivery).copied() {
                    self.judge_letter(member, place, &letter)?;
                    self.met.letters += 1;
                    let write = Write::Letter { delivery: letter.delivery, index: place.index };
                    self.write(member, place.partition, place.epoch, write);
                }
            }
            Effect::Commit { partition, epoch, next } => {
                let at = self.soon();
                self.queue.at(at, Happening::Commit { member, partition: partition.0 as usize, epoch, next: next.0 });
            }
            Effect::Pause { partition, epoch } | Effect::Resume { partition, epoch } => {
                let paused = matches!(effect, Effect::Pause { .. });
                if let Some(held) = self.held(member, partition.0 as usize, epoch) {
                    held.paused = paused;
                }
            }
            Effect::Release { partition, epoch } => self.released(member, partition.0 as usize, epoch),
            Effect::Forget(fates) => {
                for (id, fate) in fates {
                    let Some(place) = self.members[member].forget(id) else { continue };
                    let offset = self.logs[place.partition].records[place.index].offset;
                    if place.replay {
                        self.members[member].replaying.remove(&(place.partition, offset));
                        self.met.replayed += u64::from(fate == Fate::Handled);
                    }
                }
            }
            Effect::Alert(Alert::LetterGone { .. }) => self.met.gone += 1,
            Effect::Alert(_) | Effect::Seek { .. } | Effect::Cancel { .. } | Effect::Finished => {}
        }
        Ok(())
    }

    fn released(&mut self, member: usize, partition: usize, epoch: Epoch) {
        self.members[member].held.remove(&partition);
        if self.logs[partition].owner == Some((member, epoch)) {
            self.logs[partition].owner = None;
            let at = self.now + 1;
            self.queue.at(at, Happening::Balance { partition });
        }
    }

    fn write(&mut self, member: usize, partition: usize, epoch: Epoch, write: Write) {
        let soon = self.soon();
        // What one client writes to one partition arrives in order.
        let topic = partition * 2 + usize::from(matches!(write, Write::Letter { .. }));
        let last = self.members[member].last_landing.entry(topic).or_insert(0);
        *last = soon.max(*last);
        let at = *last;
        self.queue.at(at, Happening::Lands { member, partition, epoch, write, late: false });
    }

    pub(super) fn lands(&mut self, member: usize, partition: usize, epoch: Epoch, write: Write, late: bool) -> Verdict {
        if !self.members[member].alive && !late {
            if self.rng.percent(50) {
                let at = self.now + self.rng.within(0, 400);
                self.queue.at(at, Happening::Lands { member, partition, epoch, write, late: true });
            }
            return Ok(());
        }
        let soon = self.soon();
        let again = if late { Some(write) } else { self.sends_again(member, partition, epoch, write) };
        let Some(write) = again else { return Ok(()) };
        match write {
            Write::Letter { delivery, index } => {
                let log = &mut self.logs[partition];
                let letter = Offset(i64::try_from(log.letters.len()).unwrap_or(i64::MAX));
                log.letters.push(index);
                self.queue.at(soon, Happening::Answer { member, input: Input::DeadLettered { delivery, letter } });
            }
            Write::Claim { reading, prev, id } => {
                let claim = Claim { prev, member: format!("m{member}/{id}"), generation: 0, store: "s".to_owned(), time: 0 };
                let (at, applied) = self.append(partition, Record::Claim(claim));
                self.judge_keys(partition)?;
                self.met.refused_claims += u64::from(applied == Applied::Refused);
                self.judge_claim(partition, epoch, applied)?;
                if late {
                    return Ok(());
                }
                let lost = !self.healed() && self.rng.percent(self.plan.claim_errors);
                let name = named(partition);
                let input = if lost {
                    Input::ClaimFailed { partition: name, epoch, reading }
                } else {
                    if let Some(held) = self.held(member, partition, epoch) {
                        held.claim = Some(at);
                    }
                    Input::Claimed { partition: name, epoch, reading, at }
                };
                self.queue.at(soon, Happening::Answer { member, input });
            }
            Write::Record(entry, again) => {
                let record = LetterRecord {
                    offset: entry.offset,
                    epoch: entry.claim,
                    state: entry.state,
                    replays: entry.replays,
                    key: entry.key,
                    holds: entry.holds,
                    letter: entry.letter,
                    reason: entry.reason,
                    fingerprint: String::new(),
                    time: 0,
                    again,
                };
                self.judge_record(&entry)?;
                let (_, applied) = self.append(partition, Record::Letter(record));
                self.judge_keys(partition)?;
                self.count(&entry, applied);
                self.judge_settled(&entry, applied)?;
            }
            Write::Tombstone(gone) => {
                self.met.removed += 1;
                self.tell(|| format!("ledger {partition} without {gone:?}"));
                self.logs[partition].ledger.push(Stored::Tombstone(gone));
                if self.rng.percent(20) {
                    self.judge_ledger(partition)?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, entry: &Entry, applied: Applied) {
        self.met.stale += u64::from(applied == Applied::Stale);
        if applied == Applied::Counts {
            self.met.discarded += u64::from(entry.state == LetterState::Discarded);
            self.met.followers += u64::from(entry.state == LetterState::Held);
            self.met.failed += u64::from(entry.state == LetterState::Open && entry.replays > 0);
        }
    }

    pub(super) fn append(&mut self, partition: usize, record: Record) -> (Offset, Applied) {
        self.tell(|| format!("ledger {partition} {record:?}"));
        let log = &mut self.logs[partition];
        let at = Offset(i64::try_from(log.ledger.len()).unwrap_or(i64::MAX));
        let applied = log.truth.apply(at, &record);
        if let Record::Claim(claim) = &record {
            log.claims.insert(at.0, claim.member.clone());
        }
        let key = Key::of(&record);
        if !log.keys.insert(key.clone()) {
            log.twice = Some(key);
        }
        log.ledger.push(Stored::Record(record));
        (at, applied)
    }

    pub(super) fn commits(&mut self, member: usize, partition: usize, epoch: Epoch, next: i64) -> Verdict {
        let ours = self.logs[partition].owner == Some((member, epoch));
        let fails = !ours || (!self.healed() && self.rng.percent(self.plan.commit_errors));
        if ours && (!fails || self.rng.percent(30)) {
            self.judge_commit(partition, next)?;
            self.logs[partition].committed = Some(next);
        }
        let (name, at) = (named(partition), self.soon());
        let input = if fails {
            Input::CommitFailed { partition: name, epoch }
        } else {
            self.store.committed(partition, next);
            Input::Committed { partition: name, epoch, next: Offset(next) }
        };
        self.queue.at(at, Happening::Answer { member, input });
        Ok(())
    }

    pub(super) fn looks_up(&mut self, member: usize, ids: &[DeliveryId]) -> Verdict {
        for &delivery in ids {
            let Some(place) = self.members[member].places.get(&delivery) else { continue };
            let record = &self.logs[place.partition].records[place.index];
            let seen = self.store.seen(*place, record).then_some(Digest(1));
            self.deliver(member, Input::LookedUp { delivery, seen })?;
        }
        Ok(())
    }

    fn dispatch(&mut self, member: usize, runs: &Runs) -> Verdict {
        for run in runs.iter() {
            let ids: Vec<DeliveryId> = run.iter().map(|one| one.0).collect();
            for (id, attempt) in run {
                if let Some(place) = self.members[member].places.get(id).copied() {
                    self.judge_start(member, place, *attempt)?;
                }
            }
            let at = self.now + self.rng.within(0, 10);
            self.queue.at(at, Happening::RunGoesOn { member, run: ids, at: 0 });
        }
        Ok(())
    }

    pub(super) fn run_goes_on(&mut self, member: usize, run: Vec<DeliveryId>, at: usize) -> Verdict {
        let Some(&delivery) = run.get(at) else { return Ok(()) };
        let Some(place) = self.members[member].places.get(&delivery).copied() else { return Ok(()) };
        let outcome = self.outcome(place);
        if let Outcome::Done { effects } = outcome {
            self.members[member].effects.insert(delivery, effects);
        }
        self.deliver(member, Input::Handled { delivery, outcome })?;
        if matches!(outcome, Outcome::Done { .. }) {
            let next = self.now + self.rng.within(0, 10);
            self.queue.at(next, Happening::RunGoesOn { member, run, at: at + 1 });
        } else {
            for &delivery in &run[at + 1..] {
                self.deliver(member, Input::NotStarted { delivery })?;
            }
        }
        Ok(())
    }

    fn outcome(&self, place: Place) -> Outcome {
        let record = self.logs[place.partition].records[place.index];
        let fails = record.hopeless || (record.poison && self.now < self.plan.mended);
        if fails { Outcome::Retry { after: None } } else { Outcome::Done { effects: record.effects } }
    }

    /// Insert first: who comes second has done nothing.
    pub(super) fn marks(&mut self, member: usize, ids: &[DeliveryId]) -> Verdict {
        if !self.members[member].alive {
            return Ok(());
        }
        for &delivery in ids {
            let Some(place) = self.members[member].places.get(&delivery).copied() else { continue };
            let record = self.logs[place.partition].records[place.index];
            let owns = self.owns(member, place);
            let result = match self.store.mark(place, &record, owns) {
                Some(again) => {
                    self.judge_handled(member, place, again)?;
                    MarkResult::Durable
                }
                None => MarkResult::Duplicate { digest: Digest(1) },
            };
            let at = self.soon();
            self.queue.at(at, Happening::Answer { member, input: Input::Marked { delivery, result } });
        }
        Ok(())
    }

    pub(super) fn fetches_letters(&mut self, member: usize) -> Verdict {
        while let Some(wanted) = self.members[member].asked.front().copied().filter(|_| self.members[member].alive) {
            let partition = wanted.partition.0 as usize;
            if self.held(member, partition, wanted.epoch).is_none() {
                self.members[member].asked.pop_front();
                continue;
            }
            let position = usize::try_from(wanted.letter.0).unwrap_or(usize::MAX);
            let log = &self.logs[partition];
            let Some(&index) = log.letters.get(position).filter(|_| position >= log.oldest_letter) else {
                self.members[member].asked.pop_front();
                let input = Input::LetterGone { partition: wanted.partition, epoch: wanted.epoch, offset: wanted.offset };
                self.deliver(member, input)?;
                continue;
            };
            if !self.members[member].engine.accepts_letter(10) {
                let at = self.now + 5;
                self.queue.at(at, Happening::FetchesLetters { member });
                return Ok(());
            }
            self.members[member].asked.pop_front();
            let fetched = self.fetched(member, Place { partition, index, epoch: wanted.epoch, replay: true });
            self.members[member].replaying.insert((partition, wanted.offset.0));
            self.deliver(member, Input::LetterFetched(fetched))?;
        }
        Ok(())
    }
}
