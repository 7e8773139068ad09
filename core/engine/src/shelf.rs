//! Which records of a ledger can go, and in which order.
//!
//! Each ledger key is written once, even by whoever sends a record again, so compaction removes nothing by itself. The owner takes out what is over: it writes tombstones, reads them
//! back, and only then goes on to what must not go earlier.
//!
//! 1. Records that count for nobody, of owners that had lost the partition: while their successors' claims are there, those say so.
//! 2. Claims that were refused, then those before our own, one after the other: each counts only behind the one that it names.
//! 3. Letters that are settled, behind the committed offset, and whose copy is gone from the dead-letter topic: first what says that they were
//!    open or held, and last that they are settled; else half-way a letter would be open again. With them go commands that name nothing else.
//!
//! A letter stays as long as one of its records may still land once more, see [`Shelf::doubt`].
//!
//! Whoever takes out what has been taken out already, or was cut off in the middle, does no harm: all of it stays true.

use std::collections::{BTreeSet, VecDeque};

use crate::ids::Offset;
use crate::ledger::{Applied, Fold, LetterRecord, LetterState, Record, Removed};

/// Records that are taken out together.
const MOST: usize = 500;

/// A letter's record: its ledger key, in the order of source offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    offset: Offset,
    epoch: Offset,
    state: LetterState,
    replays: u32,
    again: u32,
}

impl Written {
    fn removed(self) -> Removed {
        let Self { offset, epoch, state, replays, again } = self;
        Removed::Letter { offset, epoch, state, replays, again }
    }
}

/// Deliberately wrong orders.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wrong {
    pub(crate) settled_first: bool,
    pub(crate) claims_first: bool,
}

/// The records of one ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf {
    /// Letters' records that count, or say what others say.
    letters: BTreeSet<Written>,
    /// Those that count for nobody, and were read before our claim.
    stale: BTreeSet<Written>,
    /// Claims before our own.
    claims: BTreeSet<Offset>,
    refused: BTreeSet<Offset>,
    /// Commands that name no letter that is still there: whoever took those out did not come to this.
    idle: Vec<Removed>,
    /// Letters with a record that was sent again under our claim. One more of it may land after all of them are taken out, and would count: the
    /// letter would be open again. They are left to the next owner, for whom what lands late counts for nobody.
    doubtful: BTreeSet<Offset>,
    /// Letters that are to go.
    queue: VecDeque<Offset>,
    /// Those of which nothing is left but that they are settled.
    half: Vec<Offset>,
    /// What is being taken out.
    awaited: BTreeSet<Removed>,
}

impl Shelf {
    /// A record was read. `ours`: our claim was read before.
    pub(crate) fn put(&mut self, at: Offset, record: &Record, applied: Applied, ours: bool) {
        match (record, applied) {
            (Record::Claim(_), _) if ours => {}
            (Record::Claim(_), Applied::Counts) => drop(self.claims.insert(at)),
            (Record::Claim(_), _) => drop(self.refused.insert(at)),
            (Record::Letter(_), Applied::Stale) if ours => {}
            (Record::Letter(letter), Applied::Stale) => drop(self.stale.insert(written(letter))),
            (Record::Letter(letter), _) => drop(self.letters.insert(written(letter))),
            (Record::Command(_), _) => {}
        }
    }

    /// A record is out, and the fold is told. Whether something was awaited, and nothing is any more.
    pub(crate) fn removed(&mut self, gone: &Removed, fold: &mut Fold) -> bool {
        match gone {
            Removed::Claim(at) => {
                self.claims.remove(at);
                self.refused.remove(at);
            }
            Removed::Letter { offset, epoch, state, replays, again } => {
                let written = Written { offset: *offset, epoch: *epoch, state: *state, replays: *replays, again: *again };
                self.letters.remove(&written);
                self.stale.remove(&written);
            }
            Removed::Command(_) => {}
        }
        fold.remove(gone);
        self.awaited.remove(gone) && self.awaited.is_empty()
    }

    /// A letter's record is sent again, and may land twice.
    pub(crate) fn doubt(&mut self, letter: Offset) {
        self.doubtful.insert(letter);
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Letters whose copy is gone by now: those at offsets below `committed`, with copies before `oldest`.
    pub(crate) fn expire(&mut self, fold: &Fold, committed: Offset, oldest: Offset) {
        let gone = |record: &LetterRecord| record.offset < committed && record.letter < oldest;
        let over = |record: &&LetterRecord| record.state.is_terminal() && gone(record) && !self.doubtful.contains(&record.offset);
        let idle = |command: &&crate::ledger::Command| command.letters.iter().all(|(letter, _)| fold.letter_of(*letter).is_none());
        self.idle = fold.commands().filter(idle).map(|command| Removed::Command(command.id.clone())).collect();
        self.queue = fold.letters().map(|letter| &letter.record).filter(over).map(|record| record.offset).collect();
    }

    /// What is to go next, if nothing is under way; empty when nothing is left. `ours`: our claim.
    pub(crate) fn next(&mut self, fold: &Fold, ours: Offset, wrong: Wrong) -> Vec<Removed> {
        if self.is_busy() {
            return Vec::new();
        }
        let mut next = if wrong.claims_first { self.next_claims(ours) } else { Vec::new() };
        if next.is_empty() {
            next = self.stale.iter().take(MOST).map(|written| written.removed()).collect();
        }
        if next.is_empty() {
            next = self.next_claims(ours);
        }
        if next.is_empty() {
            next = std::mem::take(&mut self.idle);
        }
        if next.is_empty() {
            next = self.next_letters(fold, wrong.settled_first);
        }
        self.awaited = next.iter().cloned().collect();
        next
    }

    fn next_claims(&self, ours: Offset) -> Vec<Removed> {
        let refused: Vec<Removed> = self.refused.range(..ours).take(MOST).copied().map(Removed::Claim).collect();
        if refused.is_empty() { self.claims.range(..ours).next().copied().map(Removed::Claim).into_iter().collect() } else { refused }
    }

    fn next_letters(&mut self, fold: &Fold, settled_first: bool) -> Vec<Removed> {
        loop {
            if !self.half.is_empty() {
                let half = std::mem::take(&mut self.half);
                let mut next = self.records(&half, |written| written.state.is_terminal() != settled_first);
                next.extend(commands_of(fold, &half));
                if !next.is_empty() {
                    return next;
                }
            }
            let count = self.queue.len().min(MOST);
            if count == 0 {
                return Vec::new();
            }
            self.half = self.queue.drain(..count).collect();
            let next = self.records(&self.half, |written| written.state.is_terminal() == settled_first);
            if !next.is_empty() {
                return next;
            }
        }
    }

    fn records(&self, letters: &[Offset], which: impl Fn(&Written) -> bool) -> Vec<Removed> {
        let of = |offset: &Offset| {
            let offset = *offset;
            let from = Written { offset, epoch: Offset(i64::MIN), state: LetterState::Open, replays: 0, again: 0 };
            self.letters.range(from..).take_while(move |written| written.offset == offset)
        };
        letters.iter().flat_map(of).filter(|written| which(written)).map(|written| written.removed()).collect()
    }
}

fn written(letter: &LetterRecord) -> Written {
    Written { offset: letter.offset, epoch: letter.epoch, state: letter.state, replays: letter.replays, again: letter.again }
}

/// Commands that name some of these letters, and beside them none that is still there.
fn commands_of(fold: &Fold, letters: &[Offset]) -> Vec<Removed> {
    let going: BTreeSet<Offset> = letters.iter().copied().collect();
    let named: BTreeSet<Offset> = going.iter().flat_map(|letter| fold.commands_of(*letter)).collect();
    let over = |command: &&crate::ledger::Command| {
        command.letters.iter().all(|(letter, _)| going.contains(letter) || fold.letter_of(*letter).is_none())
    };
    named.into_iter().filter_map(|at| fold.command_at(at)).filter(over).map(|command| Removed::Command(command.id.clone())).collect()
}
