//! A letter's record, joined with what the ledger says of it.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use onceward::ledger::{Ledger, Letter, LetterState, Offset, Verb};
use onceward::letter::{Reach, letter_id};
use serde::Serialize;

use super::filter::Filter;
use super::letter::StoredLetter;
use super::place::{Letters, Shelf};
use crate::exit::Failure;
use crate::output::rfc3339;

/// How a letter stands.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Standing {
    /// `open`, `held`, `done`, `discarded`; `orphan`: a copy that the ledger does not know; `null`: there is no ledger.
    pub(super) state: Option<&'static str>,
    /// Since when the ledger knows it.
    pub(super) since: Option<String>,
    /// Replays that failed.
    pub(super) replays: Option<u32>,
    /// What was asked for and not done yet.
    pub(super) commands: Vec<Wanted>,
    /// The letter of its key that must be settled first.
    pub(super) waits_for: Option<Ahead>,
}

/// A command that was not carried out yet.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Wanted {
    pub(super) verb: &'static str,
    pub(super) id: String,
    pub(super) who: String,
    pub(super) at: String,
}

/// The letter before it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ahead {
    pub(super) letter_id: String,
    /// In the source partition.
    pub(super) offset: i64,
}

pub(super) fn state_name(state: LetterState) -> &'static str {
    match state {
        LetterState::Open => "open",
        LetterState::Held => "held",
        LetterState::Done => "done",
        LetterState::Discarded => "discarded",
    }
}

pub(super) fn verb_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Replay => "replay",
        Verb::Discard => "discard",
        Verb::Stop => "stop",
    }
}

impl Standing {
    /// Of a stored record: `letter` is what the ledger says of it.
    pub(super) fn of(shelf: &Shelf, group: &str, ledger: Option<&Ledger>, letter: Option<(i32, &Letter)>) -> Self {
        let Some(ledger) = ledger else { return Self::default() };
        let Some((partition, letter)) = letter else { return Self { state: Some("orphan"), ..Self::default() } };
        let source = shelf.source.as_deref().unwrap_or_default();
        let wanted = ledger.fold(partition).into_iter().flat_map(|fold| fold.wanted(letter)).map(|wanted| Wanted {
            verb: verb_name(wanted.command.verb),
            id: wanted.command.id.clone(),
            who: wanted.command.who.clone(),
            at: rfc3339(wanted.command.time),
        });
        let open = !letter.record.state.is_terminal();
        let ahead = ledger
            .ahead(partition, letter)
            .filter(|_| open)
            .map(|ahead| Ahead { letter_id: letter_id(group, source, partition, ahead.record.offset.0), offset: ahead.record.offset.0 });
        Self {
            state: Some(state_name(letter.record.state)),
            since: Some(rfc3339(letter.since)),
            replays: Some(letter.record.replays),
            commands: wanted.collect(),
            waits_for: ahead,
        }
    }

    /// Without a ledger the letter's own header is what is known of its replays.
    pub(super) fn or_header(self, replays: Option<u32>) -> Self {
        Self { replays: self.replays.or(replays), ..self }
    }
}

/// Source offsets by where the letters lie in the dead-letter topic. About 40 bytes a letter.
pub(super) struct Index(HashMap<(i32, i64), i64>);

impl Index {
    pub(super) fn of<'a>(letters: impl Iterator<Item = (i32, &'a Letter)>) -> Self {
        Self(letters.map(|(partition, letter)| ((partition, letter.record.letter.0), letter.record.offset.0)).collect())
    }

    /// The source offset of a stored record, if a letter points to it.
    pub(super) fn source(&self, stored: &StoredLetter) -> Option<i64> {
        self.0.get(&(stored.partition, stored.offset)).copied()
    }
}

/// The parts of the dead-letter topic in which letters lie.
pub(super) fn parts<'a>(letters: impl Iterator<Item = (i32, &'a Letter)>) -> Vec<Reach> {
    let mut parts: BTreeMap<i32, Reach> = BTreeMap::new();
    for (partition, letter) in letters {
        let at = letter.record.letter.0;
        let part = parts.entry(partition).or_insert(Reach { partition, from: at, end: at.saturating_add(1) });
        part.from = part.from.min(at);
        part.end = part.end.max(at.saturating_add(1));
    }
    parts.into_values().collect()
}

/// What became of a pass over a shelf.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Records that no letter of the ledger points to.
    pub(super) orphans: u64,
    /// Letters that are not settled and whose records are gone.
    pub(super) expired: u64,
}

/// Hands over the letters that a person means, shelf by shelf.
pub(super) struct Visit<'a> {
    pub(super) letters: &'a Letters,
    pub(super) filter: &'a Filter,
    /// Settled letters and orphans, too.
    pub(super) all: bool,
    /// How many may still come.
    pub(super) left: u64,
}

impl<'a> Visit<'a> {
    pub(super) fn new(letters: &'a Letters, filter: &'a Filter, all: bool) -> Self {
        Self { letters, filter, all, left: filter.limit.unwrap_or(u64::MAX) }
    }

    /// The letters of a shelf that are not settled; with `all`, everything that stands in the dead-letter topic. Without a ledger that is
    /// all there is.
    pub(super) fn shelf(
        &mut self,
        shelf: &Shelf,
        ledger: Option<&Ledger>,
        mut visit: impl FnMut(StoredLetter, Option<(i32, &Letter)>) -> ControlFlow<()>,
    ) -> Result<Passed, Failure> {
        let mut passed = Passed::default();
        let group = self.letters.group();
        let source = shelf.source.as_deref().unwrap_or_default();
        let of_ledger = ledger.map(|ledger| self.filter.of_ledger(self.letters, shelf, ledger)).transpose()?;
        let index = ledger.map(|ledger| Index::of(ledger.letters()));
        let unsettled = ledger.into_iter().flat_map(Ledger::letters).filter(|(_, letter)| !letter.record.state.is_terminal()).count();
        let (mut found, mut stopped) = (0_u64, self.left == 0);
        if stopped {
            return Ok(passed);
        }
        self.letters.each(&shelf.letters, None, |stored| {
            let letter = ledger.zip(index.as_ref()).and_then(|(ledger, index)| {
                let letter = ledger.fold(stored.partition)?.letter_of(Offset(index.source(&stored)?))?;
                Some((stored.partition, letter))
            });
            let open = letter.is_some_and(|(_, letter)| !letter.record.state.is_terminal());
            found += u64::from(open);
            passed.orphans += u64::from(ledger.is_some() && letter.is_none());
            let meant = match (letter, &of_ledger) {
                (Some((partition, letter)), Some(filter)) if open => filter.admits((group, source), partition, letter),
                _ => (self.all || ledger.is_none()) && self.filter.admits(&stored),
            };
            if !meant {
                return ControlFlow::Continue(());
            }
            self.left -= 1;
            let flow = visit(stored, letter);
            stopped = flow.is_break() || self.left == 0;
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if !stopped {
            passed.expired = (unsettled as u64).saturating_sub(found);
        }
        Ok(passed)
    }
}
