//! Which records count, and what they come to.
//!
//! The ledger is written by owners that may have lost the partition without knowing, and their records may land late. So a record counts
//! by its place: a claim when it follows the current one, a letter's record when it was written under the current claim or
//! a later one. A letter that is done or discarded stays so; failed replays only rise; an open letter is never held again.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Command, KeyDigest, LetterRecord, LetterState, Record, Removed, Verb};
use crate::ids::Offset;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It counts.
    Counts,
    /// A claim that does not follow the current one: its member must not write, and has to read again.
    Refused,
    /// A letter's record of an owner that had lost the partition.
    Stale,
    /// A letter's record that would take back what is settled, or says what stands already.
    Past,
}

/// A letter as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The record that says so.
    pub record: LetterRecord,
    /// Since when it is known, in milliseconds since 1970: the time of its first record.
    pub since: i64,
}

/// What a person wants of a letter that is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// What, and by whom.
    pub command: &'a Command,
    /// The command's offset in the ledger: earlier ones come first.
    pub at: Offset,
}

/// The state of a ledger up to some offset. Give it every record in the order of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    current: Option<Offset>,
    next: Option<Offset>,
    letters: BTreeMap<Offset, Letter>,
    /// Letters that hold their key and are not settled, by key.
    holding: BTreeMap<KeyDigest, BTreeSet<Offset>>,
    commands: BTreeMap<Offset, Command>,
    /// Commands by the letters that they name, and the failed replays that they saw.
    wanted: BTreeMap<Offset, Vec<(Offset, u32)>>,
    /// Places of commands by their ids.
    ids: BTreeMap<String, Offset>,
}

impl Fold {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the record at an offset. One at or below an offset that was taken already changes nothing.
    pub fn apply(&mut self, at: Offset, record: &Record) -> Applied {
        if self.next.is_some_and(|next| at < next) {
            return Applied::Past;
        }
        self.next = Some(Offset(at.0.saturating_add(1)));
        match record {
            Record::Claim(claim) if self.current.is_some() && claim.prev != self.current => Applied::Refused,
            Record::Claim(_) => {
                self.current = Some(at);
                Applied::Counts
            }
            Record::Letter(letter) => self.letter(letter),
            Record::Command(command) => self.command(at, command),
        }
    }

    fn letter(&mut self, record: &LetterRecord) -> Applied {
        if self.current.is_some_and(|current| record.epoch < current) {
            return Applied::Stale;
        }
        let since = match self.letters.get(&record.offset) {
            Some(known) if !follows(&known.record, record) => return Applied::Past,
            Some(known) => known.since,
            None => record.time,
        };
        if let Some(key) = record.key.filter(|_| record.holds) {
            let holding = self.holding.entry(key).or_default();
            if record.state.is_terminal() {
                holding.remove(&record.offset);
            } else {
                holding.insert(record.offset);
            }
            if holding.is_empty() {
                self.holding.remove(&key);
            }
        }
        let mut record = record.clone();
        if record.fingerprint.is_empty()
            && let Some(known) = self.letters.get(&record.offset)
        {
            record.fingerprint.clone_from(&known.record.fingerprint);
        }
        self.letters.insert(record.offset, Letter { record, since });
        Applied::Counts
    }

    fn command(&mut self, at: Offset, command: &Command) -> Applied {
        // A client that is not sure whether its command arrived sends it again.
        if self.ids.contains_key(&command.id) {
            return Applied::Past;
        }
        self.ids.insert(command.id.clone(), at);
        for &(letter, seen) in &command.letters {
            self.wanted.entry(letter).or_default().push((at, seen));
        }
        self.commands.insert(at, command.clone());
        Applied::Counts
    }

    /// The latest claim that counts: the epoch of the partition's owner.
    #[must_use]
    pub fn current(&self) -> Option<Offset> {
        self.current
    }

    /// The letter of a record of the source partition, settled ones included: a record that has one is not handled again.
    #[must_use]
    pub fn letter_of(&self, offset: Offset) -> Option<&Letter> {
        self.letters.get(&offset)
    }

    /// All letters by source offset.
    pub fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.values()
    }

    /// Keys that are held, each with the letters that hold it in the order of their offsets.
    pub fn held(&self) -> impl Iterator<Item = (KeyDigest, impl Iterator<Item = &Letter>)> {
        self.holding.iter().map(|(key, offsets)| (*key, offsets.iter().filter_map(|offset| self.letters.get(offset))))
    }

    /// Whether a key is held: later events of it wait.
    #[inline]
    #[must_use]
    pub fn is_held(&self, key: KeyDigest) -> bool {
        self.holding.contains_key(&key)
    }

    /// The first letter that holds a key: nothing behind it runs before it is settled.
    #[must_use]
    pub fn front(&self, key: KeyDigest) -> Option<&Letter> {
        self.letters.get(self.holding.get(&key)?.first()?)
    }

    /// The letters that hold a key, in the order of their offsets.
    pub fn holding(&self, key: KeyDigest) -> impl Iterator<Item = &Letter> {
        self.holding.get(&key).into_iter().flatten().filter_map(|offset| self.letters.get(offset))
    }

    /// How many letters hold a key.
    #[must_use]
    pub fn held_by(&self, key: KeyDigest) -> usize {
        self.holding.get(&key).map_or(0, BTreeSet::len)
    }

    /// The offset behind the last record that was taken.
    #[must_use]
    pub fn next(&self) -> Option<Offset> {
        self.next
    }

    /// A command that was not taken out.
    #[must_use]
    pub fn command_at(&self, at: Offset) -> Option<&Command> {
        self.commands.get(&at)
    }

    /// All commands that were not taken out.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &Command> {
        self.commands.values()
    }

    /// The places of commands that name a letter.
    pub(crate) fn commands_of(&self, letter: Offset) -> impl Iterator<Item = Offset> {
        self.wanted.get(&letter).into_iter().flatten().map(|(at, _)| *at)
    }

    /// No letter and no command: nothing to look for.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// What a person wants of a letter and was not done yet, the oldest command first.
    pub fn wanted(&self, letter: &Letter) -> impl Iterator<Item = Wanted<'_>> {
        let record = &letter.record;
        let (offset, replays, state) = (record.offset, record.replays, record.state);
        let commands = self.wanted.get(&offset).map_or(&[][..], Vec::as_slice);
        // What came before somebody said stop is not wanted any more.
        let stopped = commands.iter().rposition(|(at, _)| self.commands.get(at).is_some_and(|command| command.verb == Verb::Stop));
        commands[stopped.map_or(0, |stop| stop + 1)..].iter().filter_map(move |&(at, seen)| {
            let command = self.commands.get(&at)?;
            let meant = match command.verb {
                Verb::Replay => state == LetterState::Open && seen == replays,
                Verb::Discard => !state.is_terminal(),
                Verb::Stop => false,
            };
            meant.then_some(Wanted { command, at })
        })
    }

    /// A record was removed from the ledger. If it is the one that counts of a letter, the letter is settled and over, whatever it says: what
    /// says less goes before, so whoever still has that as its last word was overtaken by compaction while it read.
    pub fn remove(&mut self, gone: &Removed) {
        match gone {
            Removed::Claim(_) => {}
            Removed::Letter { offset, .. } => {
                if self.letters.get(offset).is_some_and(|letter| letter.record.removed() == *gone) {
                    self.remove_letter(*offset);
                }
            }
            Removed::Command(id) => self.remove_command(id),
        }
    }

    fn remove_letter(&mut self, offset: Offset) {
        let Some(Letter { record, .. }) = self.letters.remove(&offset) else { return };
        if let Some(key) = record.key.filter(|_| record.holds)
            && let Some(holding) = self.holding.get_mut(&key)
        {
            holding.remove(&offset);
            if holding.is_empty() {
                self.holding.remove(&key);
            }
        }
        self.wanted.remove(&offset);
    }

    /// Takes a command out. Should it come again, it is a new one, as for whoever begins to read then.
    fn remove_command(&mut self, id: &str) {
        let Some((at, command)) = self.ids.remove(id).and_then(|at| Some((at, self.commands.remove(&at)?))) else { return };
        for (letter, _) in &command.letters {
            if let Some(wanted) = self.wanted.get_mut(letter) {
                wanted.retain(|(other, _)| *other != at);
                if wanted.is_empty() {
                    self.wanted.remove(letter);
                }
            }
        }
    }
}

/// Whether a letter may go from one record to another.
fn follows(before: &LetterRecord, after: &LetterRecord) -> bool {
    let settled = before.state.is_terminal();
    let back = before.state == LetterState::Open && after.state == LetterState::Held;
    let same = (before.state, before.replays) == (after.state, after.replays);
    !settled && !back && !same && after.replays >= before.replays
}
