//! Which letters a person means. A filter is resolved to letters before anything is written, so that a command names what was seen.

use std::collections::BTreeSet;

use onceward_engine::Offset;
use onceward_engine::ledger::{KeyDigest, Letter, LetterState};

use super::Ledger;
use super::apply::key_digest;
use crate::letter::{letter_id, reason_text};

/// Which letters. Everything that is given must fit; letters that are settled never do.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The fingerprint, or its beginning.
    pub fingerprint: Option<String>,
    /// The reason, as `exhausted`.
    pub reason: Option<String>,
    /// The bytes of the order key.
    pub key: Option<Vec<u8>>,
    /// Letters that have no order key or stand in a partition that waits as a whole ([`is_keyless`]), by partition and source offset, whose record has the wanted key: the ledger knows digests of order keys
    /// only, so whoever wants them has to read their records.
    pub keyless: BTreeSet<(i32, Offset)>,
    /// Dead-lettered at or after this, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Dead-lettered before this.
    pub until: Option<i64>,
    /// Partitions of the source; empty: all.
    pub partitions: Vec<i32>,
    /// Letter ids; empty: all.
    pub letters: Vec<String>,
}

/// A letter that is meant.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a> {
    /// Its partition in the source.
    pub partition: i32,
    /// As it stands.
    pub letter: &'a Letter,
    /// The letter of its key that has to be settled before it runs.
    pub ahead: Option<&'a Letter>,
}

impl Filter {
    /// Whether a letter is meant. `group` and `topic` are what letter ids are derived from.
    #[must_use]
    pub fn admits(&self, (group, topic): (&str, &str), partition: i32, letter: &Letter) -> bool {
        let record = &letter.record;
        !record.state.is_terminal()
            && self.fingerprint.as_ref().is_none_or(|wanted| record.fingerprint.starts_with(wanted.as_str()))
            && self.reason.as_ref().is_none_or(|wanted| reason_text(record.reason) == wanted)
            && self.since.is_none_or(|since| letter.since >= since)
            && self.until.is_none_or(|until| letter.since < until)
            && (self.partitions.is_empty() || self.partitions.contains(&partition))
            && self.has_key(partition, letter)
            && (self.letters.is_empty() || self.letters.contains(&letter_id(group, topic, partition, record.offset.0)))
    }

    fn has_key(&self, partition: i32, letter: &Letter) -> bool {
        match (&self.key, letter.record.key) {
            (None, _) => true,
            (Some(wanted), Some(found)) if found != KeyDigest::WHOLE => key_digest(wanted) == found,
            (Some(_), _) => self.keyless.contains(&(partition, letter.record.offset)),
        }
    }
}

impl Ledger {
    /// The letters that a filter means, the oldest first; at most so many.
    #[must_use]
    pub fn choose(&self, group: &str, topic: &str, filter: &Filter, limit: Option<usize>) -> Vec<Chosen<'_>> {
        let mut chosen: Vec<Chosen<'_>> = self
            .letters()
            .filter(|(partition, letter)| filter.admits((group, topic), *partition, letter))
            .map(|(partition, letter)| Chosen { partition, letter, ahead: self.ahead(partition, letter) })
            .collect();
        // Stable, so that letters of one moment stay in the order of their offsets.
        chosen.sort_by_key(|chosen| chosen.letter.since);
        chosen.truncate(limit.unwrap_or(usize::MAX));
        chosen
    }
}

/// Whether the ledger does not tell the key of a letter's record: it has none, or its whole partition waits for each other.
#[must_use]
pub fn is_keyless(letter: &Letter) -> bool {
    letter.record.key.is_none_or(|key| key == KeyDigest::WHOLE)
}

impl Chosen<'_> {
    /// Whether a replay has to be asked for: a held letter runs by itself as soon as it is the first of its key.
    #[must_use]
    pub fn waits_for_a_person(&self) -> bool {
        self.letter.record.state == LetterState::Open
    }
}
