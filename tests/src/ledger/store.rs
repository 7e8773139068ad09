//! What the inbox knows, beside what is true: events by their ids, others by the place of their record and how far the group has come.
//!
//! An event that is known by its place counts as handled below the committed offset, and its letter is one that the offset has passed without
//! its being handled. So letters of such events have marks of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::broker::Source;
use super::member::Place;

/// One inbox for all members.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// What was handled, whatever the store makes of it: events of records.
    pub(super) handled: BTreeSet<u128>,
    /// Of those, what owners of a partition handled.
    by_owners: BTreeSet<u128>,
    ids: BTreeSet<u128>,
    places: BTreeSet<(usize, i64)>,
    letters: BTreeSet<(usize, i64)>,
    /// Offsets that were committed, as the store was told.
    committed: BTreeMap<usize, i64>,
    /// Deliberately wrong: letters are looked up where their records were.
    pub(super) letters_by_place: bool,
}

impl Store {
    /// What an engine knows an event by.
    pub(super) fn event(&self, place: Place, record: &Source) -> u128 {
        if record.by_place && place.replay && !self.letters_by_place { record.event + 1_000_000 } else { record.event }
    }

    /// Whether the store takes an event for handled.
    pub(super) fn seen(&self, place: Place, record: &Source) -> bool {
        let at = (place.partition, record.offset);
        if !record.by_place {
            self.ids.contains(&record.event)
        } else if place.replay && !self.letters_by_place {
            self.letters.contains(&at)
        } else {
            self.committed.get(&at.0).is_some_and(|committed| at.1 < *committed) || self.places.contains(&at)
        }
    }

    /// Marks an event, unless it is. `None`: it is. Else whether an owner had it handled before.
    pub(super) fn mark(&mut self, place: Place, record: &Source, owns: bool) -> Option<bool> {
        if self.seen(place, record) {
            return None;
        }
        let at = (place.partition, record.offset);
        if !record.by_place {
            self.ids.insert(record.event);
        } else if place.replay && !self.letters_by_place {
            self.letters.insert(at);
        } else {
            self.places.insert(at);
        }
        self.handled.insert(record.event);
        Some(owns && !self.by_owners.insert(record.event))
    }

    pub(super) fn committed(&mut self, partition: usize, next: i64) {
        let known = self.committed.entry(partition).or_default();
        *known = next.max(*known);
    }
}
