//! Letters with one cause are one group.

use std::collections::{BTreeMap, HashSet};

use onceward::ledger::{Ledger, Letter, LetterState};
use serde::Serialize;

use super::letter::StoredLetter;
use crate::output::rfc3339;

/// Distinct keys are counted up to here: the count tells one poisoned key from many, and memory stays bounded.
const KEYS: usize = 10_000;

/// Letters with one cause.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) fingerprint: Option<String>,
    pub(super) source_topic: Option<String>,
    pub(super) reason: Option<String>,
    /// Who wrote them.
    pub(super) dialect: Option<&'static str>,
    /// Letters: open and held ones where there is a ledger.
    pub(super) count: u64,
    /// `None`: there is no ledger.
    pub(super) open: Option<u64>,
    /// Held behind one that is open, whatever their own reason.
    pub(super) held: Option<u64>,
    /// Of the same cause, and settled.
    pub(super) done: Option<u64>,
    /// Distinct keys.
    pub(super) keys: u64,
    /// Whether there are more keys than were counted.
    pub(super) keys_capped: bool,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    pub(super) error: Option<String>,
    pub(super) message: Option<String>,
    /// The latest letter: its id, else its place.
    pub(super) sample: String,
    #[serde(skip)]
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<Option<Vec<u8>>>,
    first: Option<i64>,
    last: Option<i64>,
    /// Whether `last` is that of a letter that failed itself.
    failed: bool,
}

/// What makes letters one group: topic, fingerprint, reason, and who wrote them.
type Cause = (Option<String>, Option<String>, Option<String>, Option<&'static str>);

#[derive(Default)]
pub(super) struct Groups(BTreeMap<Cause, Group>);

impl Groups {
    /// A letter without a ledger.
    pub(super) fn add(&mut self, stored: &StoredLetter) {
        let letter = &stored.letter;
        self.count(stored, letter.fingerprint.clone(), letter.reason.clone(), true);
    }

    /// A letter as the ledger knows it. One that is held belongs to the cause of the letter that it waits for.
    pub(super) fn add_known(&mut self, stored: &StoredLetter, ledger: &Ledger, partition: i32, letter: &Letter) {
        let state = letter.record.state;
        let cause = Some(letter).filter(|_| state != LetterState::Held).or_else(|| ledger.ahead(partition, letter)).unwrap_or(letter);
        let reason = onceward::ledger::reason_text(cause.record.reason).to_owned();
        let group = self.count(stored, Some(cause.record.fingerprint.clone()), Some(reason), state != LetterState::Held);
        for counter in [&mut group.open, &mut group.held, &mut group.done] {
            counter.get_or_insert(0);
        }
        let counter = match state {
            LetterState::Open => &mut group.open,
            LetterState::Held => &mut group.held,
            LetterState::Done | LetterState::Discarded => return,
        };
        *counter = counter.map(|count| count + 1);
    }

    /// Counts the settled letters of the causes that are shown.
    pub(super) fn settled(&mut self, source: Option<&str>, ledger: &Ledger) {
        for (_, letter) in ledger.letters().filter(|(_, letter)| letter.record.state.is_terminal()) {
            let reason = onceward::ledger::reason_text(letter.record.reason).to_owned();
            let cause = (source.map(str::to_owned), Some(letter.record.fingerprint.clone()), Some(reason), Some("onceward"));
            if let Some(done) = self.0.get_mut(&cause).and_then(|group| group.done.as_mut()) {
                *done += 1;
            }
        }
    }

    fn count(&mut self, stored: &StoredLetter, fingerprint: Option<String>, reason: Option<String>, failed: bool) -> &mut Group {
        let StoredLetter { key, timestamp, letter, .. } = stored;
        let dialect = letter.dialect.map(onceward::letter::Dialect::name);
        let cause = (letter.topic.clone(), fingerprint, reason, dialect);
        let at = letter.last_failed_at.or(*timestamp);
        let sample = letter.id.clone().unwrap_or_else(|| stored.place());
        let group = self.0.entry(cause).or_insert_with_key(|(topic, fingerprint, reason, dialect)| Group {
            fingerprint: fingerprint.clone(),
            source_topic: topic.clone(),
            reason: reason.clone(),
            dialect: *dialect,
            count: 0,
            open: None,
            held: None,
            done: None,
            keys: 0,
            keys_capped: false,
            first: None,
            last: None,
            error: None,
            message: None,
            sample: sample.clone(),
            seen: Seen::default(),
        });
        group.count += 1;
        if group.seen.keys.len() < KEYS {
            group.seen.keys.insert(key.clone());
        } else if !group.seen.keys.contains(key) {
            group.keys_capped = true;
        }
        group.seen.first = [group.seen.first, at].into_iter().flatten().min();
        // What failed says more of the cause than what merely waits behind it.
        let tells = (failed, at) >= (group.seen.failed, group.seen.last);
        group.seen.last = at.max(group.seen.last);
        if group.count == 1 || tells {
            group.seen.failed = failed;
            group.error.clone_from(&letter.error_type);
            group.message.clone_from(&letter.message);
            group.sample = sample;
        }
        group
    }

    /// The largest first.
    pub(super) fn finish(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        for group in &mut groups {
            group.keys = group.seen.keys.len() as u64;
            group.first = group.seen.first.map(rfc3339);
            group.last = group.seen.last.map(rfc3339);
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}
