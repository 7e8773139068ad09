//! What is handled in one partition, for events that are known by their coordinates: a commit watermark and the offsets above it.

use std::collections::{BTreeMap, VecDeque};

use onceward_engine::{Epoch, Offset};

use super::ranges::OffsetRanges;

/// What a store keeps of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// The highest offset that the group has committed, as remembered.
    pub(crate) committed: Option<Offset>,
    /// Offsets handled at or above it.
    pub(crate) handled: OffsetRanges,
}

impl Position {
    /// Whether an offset is handled.
    pub(crate) fn holds(&self, offset: Offset) -> bool {
        self.committed.is_some_and(|committed| offset < committed) || self.handled.contains(offset.0)
    }

    /// Moves the watermark, and never back: a partition that is read again after an operator's rewind commits lower offsets on its way,
    /// and what was handled stays handled.
    pub(crate) fn commit(&mut self, next: Offset) {
        if self.committed.is_none_or(|committed| next > committed) {
            self.committed = Some(next);
            self.handled.trim(next.0);
        }
    }

    /// Forgets that the offsets from one up to another are handled; answers how many were. The watermark moves back to the first of
    /// them, and what stays handled above it is kept as such.
    pub(crate) fn forget(&mut self, from: i64, until: i64) -> u64 {
        if let Some(committed) = self.committed.filter(|committed| committed.0 > from) {
            self.handled.union(&OffsetRanges::between(from, committed.0));
            self.committed = Some(Offset(from));
        }
        self.handled.cut(from, until)
    }

    /// Adds what another process knows.
    pub(crate) fn join(&mut self, other: &Self) {
        self.handled.union(&other.handled);
        self.committed = self.committed.max(other.committed);
        if let Some(committed) = self.committed {
            self.handled.trim(committed.0);
        }
    }
}

/// Whether an offset is handled, as far as the driver's side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    No,
    Yes,
    /// Its mark is queued and not yet decided.
    Queued,
}

/// A position as the driver's thread sees it: with what is queued.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The assignment it was loaded for.
    pub(crate) epoch: Epoch,
    position: Position,
    queued: BTreeMap<i64, u64>,
    order: VecDeque<(u64, i64)>,
}

impl Place {
    /// A position just loaded.
    pub(crate) fn loaded(epoch: Epoch, position: Position) -> Self {
        Self { epoch, position, ..Self::default() }
    }

    /// Whether an offset is handled, given the number up to which marks are decided.
    pub(crate) fn holds(&self, offset: Offset, durable: u64) -> Held {
        if !self.position.holds(offset) {
            Held::No
        } else if self.queued.get(&offset.0).is_some_and(|&number| number > durable) {
            Held::Queued
        } else {
            Held::Yes
        }
    }

    /// Adds a queued mark.
    pub(crate) fn mark(&mut self, offset: Offset, number: u64, durable: u64) {
        while let Some(&(decided, earlier)) = self.order.front()
            && decided <= durable
        {
            self.order.pop_front();
            if self.queued.get(&earlier) == Some(&decided) {
                self.queued.remove(&earlier);
            }
        }
        self.position.handled.insert(offset.0);
        self.queued.insert(offset.0, number);
        self.order.push_back((number, offset.0));
    }

    /// A queued mark was not written after all.
    pub(crate) fn unmark(&mut self, offset: Offset, number: u64) {
        if self.queued.get(&offset.0) == Some(&number) {
            self.queued.remove(&offset.0);
            self.position.handled.remove(offset.0);
        }
    }

    /// Moves the watermark.
    pub(crate) fn commit(&mut self, next: Offset) {
        self.position.commit(next);
    }
}

#[cfg(test)]
mod tests {
    use onceward_engine::{Epoch, Offset};

    use super::{Held, Place, Position};

    #[test]
    fn a_queued_offset_is_neither_new_nor_handled_until_it_is_decided() {
        let mut place = Place::loaded(Epoch(1), Position { committed: Some(Offset(10)), ..Position::default() });
        assert_eq!(place.holds(Offset(9), 0), Held::Yes);
        assert_eq!(place.holds(Offset(12), 0), Held::No);
        place.mark(Offset(12), 1, 0);
        assert_eq!(place.holds(Offset(12), 0), Held::Queued);
        assert_eq!(place.holds(Offset(12), 1), Held::Yes);
        place.mark(Offset(13), 2, 1);
        place.unmark(Offset(13), 2);
        assert_eq!(place.holds(Offset(13), 2), Held::No);
        assert_eq!(place.holds(Offset(12), 2), Held::Yes);
    }

    #[test]
    fn what_is_forgotten_in_the_middle_leaves_both_sides_handled() {
        let mut position = Position { committed: Some(Offset(100)), ..Position::default() };
        position.handled.insert(150);
        let mut whole = position.clone();
        assert_eq!(position.forget(40, 60), 20);
        for (offset, held) in [(39, true), (40, false), (59, false), (60, true), (99, true), (100, false), (150, true)] {
            assert_eq!(position.holds(Offset(offset)), held, "{offset}");
        }
        assert_eq!(position.committed, Some(Offset(40)));
        assert_eq!((whole.forget(160, i64::MAX), whole.forget(90, i64::MAX), whole.committed), (0, 11, Some(Offset(90))));
        assert!(!whole.holds(Offset(150)) && whole.holds(Offset(89)));
    }

    #[test]
    fn a_partition_that_is_read_again_forgets_nothing_on_its_way() {
        let mut position = Position::default();
        position.commit(Offset(100));
        position.handled.insert(150);
        position.commit(Offset(50));
        for (offset, held) in [(49, true), (60, true), (120, false), (150, true)] {
            assert_eq!(position.holds(Offset(offset)), held, "{offset}");
        }
    }
}
