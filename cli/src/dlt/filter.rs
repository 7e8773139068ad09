//! Which letters are meant, as typed.

use std::collections::BTreeSet;

use clap::Args;
use onceward::ledger::{self, Ledger, Offset, is_keyless};

use super::letter::StoredLetter;
use super::place::{Letters, Shelf};
use super::standing::{Index, parts};
use crate::exit::Failure;
use crate::output::Moment;

/// Which letters; all that is given must fit.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which letters")]
pub(crate) struct Filter {
    /// Only letters with this fingerprint (or the beginning of it)
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Only letters with this reason: exhausted, rejected, undecodable, invalid, crashed, held-behind, conflict
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only letters of this key
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// Only letters dead-lettered at or after this: 2026-11-17, 2026-11-17T08:30, or 36h for so long ago
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    since: Option<Moment>,
    /// Only letters dead-lettered before this
    #[arg(long, value_name = "TIME", value_parser = Moment::parse)]
    until: Option<Moment>,
    /// Only letters of this partition; may be repeated
    #[arg(long = "partition", value_name = "NUMBER", value_parser = clap::value_parser!(i32).range(0..))]
    partitions: Vec<i32>,
    /// Only the letter with this id; may be repeated
    #[arg(long = "letter", value_name = "ID")]
    letters: Vec<String>,
    /// At most so many, the oldest of each topic first
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) limit: Option<u64>,
}

impl Filter {
    /// Whether a record of a dead-letter topic is meant, by what it says of itself.
    pub(super) fn admits(&self, letter: &StoredLetter) -> bool {
        let told = &letter.letter;
        let at = letter.timestamp;
        self.fingerprint.as_ref().is_none_or(|wanted| told.fingerprint.as_ref().is_some_and(|found| found.starts_with(wanted.as_str())))
            && self.reason.as_ref().is_none_or(|wanted| told.reason.as_ref() == Some(wanted))
            && self.key.as_ref().is_none_or(|wanted| letter.key.as_deref() == Some(wanted.as_bytes()))
            && self.since.is_none_or(|since| at.is_some_and(|at| at >= since.0))
            && self.until.is_none_or(|until| at.is_some_and(|at| at < until.0))
            && (self.partitions.is_empty() || told.partition.is_some_and(|partition| self.partitions.contains(&partition)))
            && (self.letters.is_empty() || told.id.as_ref().is_some_and(|id| self.letters.contains(id)))
    }

    /// The same question to a ledger. Letters without an order key are found by the keys of their records, which are read for it.
    pub(super) fn of_ledger(&self, letters: &Letters, shelf: &Shelf, ledger: &Ledger) -> Result<ledger::Filter, Failure> {
        let mut filter = ledger::Filter {
            fingerprint: self.fingerprint.clone(),
            reason: self.reason.clone(),
            key: None,
            keyless: BTreeSet::new(),
            since: self.since.map(|moment| moment.0),
            until: self.until.map(|moment| moment.0),
            partitions: self.partitions.clone(),
            letters: self.letters.clone(),
        };
        let Some(key) = &self.key else { return Ok(filter) };
        let source = shelf.source.as_deref().unwrap_or_default();
        let candidates = ledger.choose(letters.group(), source, &filter, None);
        let keyless: Vec<_> = candidates.into_iter().filter(|chosen| is_keyless(chosen.letter)).collect();
        if !keyless.is_empty() {
            let index = Index::of(keyless.iter().map(|chosen| (chosen.partition, chosen.letter)));
            letters.each(&shelf.letters, Some(&parts(keyless.iter().map(|chosen| (chosen.partition, chosen.letter)))), |stored| {
                if let Some(offset) = index.source(&stored).filter(|_| stored.key.as_deref() == Some(key.as_bytes())) {
                    filter.keyless.insert((stored.partition, Offset(offset)));
                }
                std::ops::ControlFlow::Continue(())
            })?;
        }
        filter.key = Some(key.as_bytes().to_vec());
        Ok(filter)
    }
}
