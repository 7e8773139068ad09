//! What must be true, whatever any engine believes.
//!
//! The judge folds each ledger as somebody would who reads it from outside. A member whose claim is not the latest has lost its partition and
//! does not know: what its handlers do can't be prevented, so only owners are judged by what they start.

use onceward_engine::ledger::{Applied, KeyDigest, LetterState, Verb};
use onceward_engine::{DeadLetter, Entry, Epoch, LetterPlace, NullKeys, Order, Reason};

use super::member::Place;
use super::world::World;
use crate::sim::Violation;

/// How long after a drain's deadline its last answers may come, in milliseconds.
pub(super) const GRACE: u64 = 1_000;

/// Whether the promises hold.
pub(super) type Verdict = Result<(), Violation>;

fn broken(invariant: &'static str, what: String) -> Verdict {
    Err(Violation { invariant, what })
}

impl World {
    /// How the ledger names the lane of a record.
    fn key_of(&self, place: Place) -> Option<KeyDigest> {
        let policy = &self.plan.settings.policies[0];
        match (policy.order, self.logs[place.partition].records[place.index].key) {
            (Order::Partition, _) => Some(KeyDigest::WHOLE),
            (Order::None, _) => None,
            (Order::Key, Some(key)) => Some(KeyDigest(key)),
            (Order::Key, None) => (policy.null_keys == NullKeys::Serial).then_some(KeyDigest::NO_KEY),
        }
    }

    /// Whether a member's claim is the latest one, and the group agrees.
    pub(super) fn owns(&self, member: usize, place: Place) -> bool {
        let log = &self.logs[place.partition];
        let held = self.members[member].held.get(&place.partition).filter(|held| held.epoch == place.epoch);
        log.owner == Some((member, place.epoch))
            && held.is_some_and(|held| log.truth.current().is_none() || held.claim == log.truth.current())
    }

    pub(super) fn judge_start(&mut self, member: usize, place: Place, attempt: u32) -> Verdict {
        if !self.owns(member, place) {
            return Ok(());
        }
        let log = &self.logs[place.partition];
        let record = log.records[place.index];
        let (offset, at) = (record.offset, format!("partition {} offset {}", place.partition, record.offset));
        let known = log.truth.letter_of(onceward_engine::Offset(offset));
        if self.members[member].held.get(&place.partition).is_some_and(|held| held.claim != log.truth.current()) {
            return broken("I7", format!("{at} starts although the partition is not claimed"));
        }
        let key = self.key_of(place);
        let holder = key.and_then(|key| log.truth.holding(key).find(|letter| letter.record.offset.0 < offset));
        if !place.replay {
            if let Some(letter) = known {
                return broken("I5", format!("{at} starts as a live event, and is a letter that is {:?}", letter.record.state));
            }
            if let Some(holder) = holder {
                return broken("I2", format!("{at} starts although letter {} holds its key", holder.record.offset.0));
            }
            let older = self.members[member].replaying.iter().find(|(partition, letter)| {
                let index = self.logs[*partition].index(*letter);
                *partition == place.partition && *letter < offset && key.is_some() && self.key_of(Place { index, ..place }) == key
            });
            if let Some((_, letter)) = older {
                return broken("I2", format!("{at} starts while letter {letter} of its key is handled again"));
            }
            return Ok(());
        }
        let Some(letter) = known else { return broken("I5", format!("{at} starts as a letter, and is none")) };
        if letter.record.state.is_terminal() {
            return broken("I5", format!("{at} is handled again although it is {:?}", letter.record.state));
        }
        if letter.record.state == LetterState::Open {
            let commands = log.commands.get(&offset).copied().unwrap_or(0);
            if commands <= letter.record.replays {
                return broken(
                    "I6",
                    format!("{at} is replayed again, {commands} commands named it, {} replays failed", letter.record.replays),
                );
            }
            // A stop that its owner has not read of comes too late.
            let insists = log.forced.contains(&offset);
            if letter.record.replays >= self.plan.settings.policies[0].max_replays && !insists && attempt == 1 {
                return broken("I6", format!("{at} is replayed after {} failed replays, and nobody insists", letter.record.replays));
            }
        }
        if key.is_some() {
            let earlier = (0..place.index).map(|index| Place { index, ..place }).filter(|earlier| self.key_of(*earlier) == key);
            for earlier in earlier {
                let before = log.records[earlier.index];
                let settled =
                    self.store.handled.contains(&before.event) || log.truth.letter_of(onceward_engine::Offset(before.offset)).is_some();
                if !settled {
                    return broken("I2", format!("letter {at} starts although the event at {} was not handled", before.offset));
                }
            }
        }
        Ok(())
    }

    /// An event is handled: its mark is durable.
    pub(super) fn judge_handled(&mut self, member: usize, place: Place, again: bool) -> Verdict {
        if again {
            let offset = self.logs[place.partition].records[place.index].offset;
            return broken("I5", format!("partition {} offset {offset} is handled twice", place.partition));
        }
        let holds = self.plan.settings.policies[0].hold;
        let Some(key) = self.key_of(place) else { return Ok(()) };
        let owns = self.owns(member, place);
        let log = &mut self.logs[place.partition];
        let record = log.records[place.index];
        let last = log.handled.entry(Some(key.0)).or_insert(i64::MIN);
        let behind = record.offset < *last;
        let was = *last;
        *last = was.max(record.offset);
        if owns && behind && (holds || !place.replay) {
            let what = format!("partition {} offset {} is handled after {was} of its key", place.partition, record.offset);
            return broken("I2", what);
        }
        // Discarded while a handler had it can't be helped; but then nobody had waited for it.
        let discarded =
            log.truth.letter_of(onceward_engine::Offset(record.offset)).is_some_and(|letter| letter.record.state == LetterState::Discarded);
        if owns && discarded {
            return broken("I5", format!("partition {} offset {} is handled although it is discarded", place.partition, record.offset));
        }
        Ok(())
    }

    /// What the group asks back is given back in time, whoever claims it meanwhile.
    pub(super) fn judge_drain(&mut self, member: usize, partition: usize, epoch: Epoch) -> Verdict {
        match self.held(member, partition, epoch) {
            Some(held) => broken("I10", format!("partition {partition} is not given back at the deadline, disputed: {}", held.disputed)),
            None => Ok(()),
        }
    }

    /// Who had lost the partition when somebody else claimed it must not claim it back.
    pub(super) fn judge_claim(&mut self, partition: usize, epoch: Epoch, applied: Applied) -> Verdict {
        if applied != Applied::Counts {
            return Ok(());
        }
        let before = self.logs[partition].claimant.replace(epoch);
        match before.filter(|before| *before > epoch) {
            Some(before) => {
                broken("I7", format!("partition {partition}: {epoch:?} claims what {before:?} has claimed after it was given to it"))
            }
            None => Ok(()),
        }
    }

    /// I1: each record below a stored commit is handled, or its letter counts.
    pub(super) fn judge_commit(&mut self, partition: usize, next: i64) -> Verdict {
        let log = &self.logs[partition];
        if log.committed.is_some_and(|committed| next < committed) {
            return broken("I1", format!("partition {partition}: the committed offset goes back to {next}"));
        }
        let mut checked = log.checked;
        while let Some(record) = log.records.get(checked).filter(|record| record.offset < next) {
            let lettered = log.truth.letter_of(onceward_engine::Offset(record.offset)).is_some();
            if !lettered && !self.store.handled.contains(&record.event) {
                let what =
                    format!("partition {partition}: {next} is committed, but offset {} is not handled and no letter counts", record.offset);
                return broken("I1", what);
            }
            checked += 1;
        }
        self.logs[partition].checked = checked;
        Ok(())
    }

    pub(super) fn judge_letter(&mut self, member: usize, place: Place, letter: &DeadLetter) -> Verdict {
        let at = format!("partition {} offset {}", place.partition, self.logs[place.partition].records[place.index].offset);
        if place.replay {
            return broken("I8", format!("{at} is written to the dead-letter topic again"));
        }
        if letter.reason == Reason::HeldBehind && letter.behind.is_none() {
            return broken("I2", format!("{at} follows nothing"));
        }
        let record = self.logs[place.partition].records[place.index];
        if letter.reason == Reason::Exhausted && !record.poison && !record.hopeless && self.owns(member, place) {
            return broken("I6", format!("{at} is given up, and never failed"));
        }
        Ok(())
    }

    pub(super) fn judge_record(&mut self, entry: &Entry) -> Verdict {
        let log = &self.logs[entry.partition.0 as usize];
        let source = &log.records[log.index(entry.offset.0)];
        if entry.state == LetterState::Done && !self.store.handled.contains(&source.event) {
            return broken("I1", format!("{:?} offset {}: its letter is done, and it was never handled", entry.partition, entry.offset.0));
        }
        let commands = log.commands.get(&entry.offset.0).copied().unwrap_or(0);
        if entry.replays > commands {
            return broken(
                "I6",
                format!("{:?} offset {}: {} replays failed, {commands} were asked for", entry.partition, entry.offset.0, entry.replays),
            );
        }
        Ok(())
    }

    /// What is settled stays so, even when nothing in the ledger says it any more.
    pub(super) fn judge_settled(&mut self, entry: &Entry, applied: Applied) -> Verdict {
        let log = &mut self.logs[entry.partition.0 as usize];
        if applied != Applied::Counts {
            return Ok(());
        }
        if entry.state.is_terminal() {
            log.settled.insert(entry.offset.0);
        } else if log.settled.contains(&entry.offset.0) && self.wrong.is_none() {
            return broken(
                "I5",
                format!("{:?} offset {}: its letter was settled, and is {:?}", entry.partition, entry.offset.0, entry.state),
            );
        }
        Ok(())
    }

    /// Compaction keeps the last record of a key, which may be one that does not count.
    pub(super) fn judge_keys(&mut self, partition: usize) -> Verdict {
        match self.logs[partition].twice.take().filter(|_| self.wrong.is_none()) {
            Some(key) => broken("I1", format!("partition {partition}: {key:?} is written twice")),
            None => Ok(()),
        }
    }

    /// Whatever was taken out of a ledger, whoever reads it anew must see the same.
    pub(super) fn judge_ledger(&mut self, partition: usize) -> Verdict {
        let log = &self.logs[partition];
        let (truth, seen) = (&log.truth, log.compacted());
        if truth.current() != seen.current() {
            return broken(
                "I7",
                format!("partition {partition}: {:?} is read as the current claim, {:?} is", seen.current(), truth.current()),
            );
        }
        for letter in seen.letters() {
            let known = truth.letter_of(letter.record.offset).map(|known| &known.record);
            if known.is_none_or(|known| known.state != letter.record.state && !letter.record.state.is_terminal()) {
                let at = letter.record.offset.0;
                let what = format!(
                    "partition {partition}: letter {at} is read as {:?}, and is {:?}",
                    letter.record.state,
                    known.map(|known| known.state)
                );
                return broken("I5", what);
            }
        }
        for letter in truth.letters() {
            let (offset, state) = (letter.record.offset, letter.record.state);
            let needed = !state.is_terminal() || log.committed.is_none_or(|committed| offset.0 >= committed);
            let read = seen.letter_of(offset);
            if needed && read.map(|read| read.record.state) != Some(state) {
                return broken("I1", format!("partition {partition}: letter {} is {state:?}, and is not found", offset.0));
            }
            let commands = |fold: &onceward_engine::ledger::Fold, letter| fold.wanted(letter).map(|wanted| wanted.at).collect::<Vec<_>>();
            if !state.is_terminal() && read.map(|read| commands(&seen, read)) != Some(commands(truth, letter)) {
                return broken("I6", format!("partition {partition}: the commands of letter {} are not found", offset.0));
            }
        }
        Ok(())
    }

    /// The rate of a command.
    pub(super) fn judge_fetch(&mut self, _: usize, letters: &[LetterPlace]) -> Verdict {
        for letter in letters {
            let log = &mut self.logs[letter.partition.0 as usize];
            let Some(known) = log.truth.letter_of(letter.offset) else { continue };
            if known.record.state != LetterState::Open {
                continue;
            }
            let wanted: Vec<_> = log.truth.wanted(known).filter(|wanted| wanted.command.verb == Verb::Replay).collect();
            let [only] = wanted[..] else { continue };
            let Some(rate) = only.command.rate else { continue };
            let at = only.at.0;
            let starts = log.paced.entry((letter.epoch, at)).or_default();
            starts.push(self.now);
            let since = self.now - starts[0];
            let most = 2 + since * u64::from(rate) / 1_000_000;
            if starts.len() as u64 > most {
                return broken(
                    "I4",
                    format!("command {at}: {} letters in {since} ms, {rate} thousandths per second allow {most}", starts.len()),
                );
            }
        }
        Ok(())
    }

    /// Everything is handled, or a person said that it need not be.
    pub(super) fn is_over(&self) -> bool {
        let settled = |log: &super::broker::Log| log.truth.letters().all(|letter| letter.record.state.is_terminal());
        self.healed() && self.unlanded == 0 && self.logs.iter().all(|log| log.is_over() && settled(log))
    }

    pub(super) fn stuck(&self) -> Verdict {
        let mut what = format!("everything healed, but nothing ends at {}:", self.now);
        for (partition, log) in self.logs.iter().enumerate() {
            let open: Vec<_> =
                log.truth.letters().filter(|letter| !letter.record.state.is_terminal()).map(|letter| letter.record.offset.0).collect();
            what +=
                &format!(" partition {partition}: committed {:?} of {}, owner {:?}, open {open:?}", log.committed, log.end(), log.owner);
        }
        broken("I10", what)
    }
}
