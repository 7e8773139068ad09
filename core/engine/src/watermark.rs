//! The commit watermark of one partition, over the offsets that were delivered.
//!
//! Offsets are sparse, so "contiguous" means: nothing delivered before it is unresolved. Where everything delivered is resolved, the
//! watermark is the position of the reader, which lies behind transaction markers and compacted ranges, too.

use std::collections::VecDeque;

use crate::ids::Offset;

/// Entry of a delivery that is resolved.
const RESOLVED: u32 = u32::MAX;
/// Entry of a delivery that was given up unresolved: the watermark never passes it in this epoch.
const ABANDONED: u32 = u32::MAX - 1;

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: Offset,
    slot: u32,
}

/// Deliveries between the watermark and the reader.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    places: VecDeque<Place>,
    /// Number of the first place. Numbers wrap; only their distance counts.
    base: u32,
    /// The next offset that can still arrive.
    position: Offset,
}

impl Window {
    pub(crate) fn new(from: Offset) -> Self {
        Self { places: VecDeque::new(), base: 0, position: from }
    }

    /// Takes a delivery in and says where; `None` when its offset does not rise.
    pub(crate) fn push(&mut self, offset: Offset, slot: u32) -> Option<u32> {
        if offset < self.position {
            return None;
        }
        self.position = Offset(offset.0.saturating_add(1));
        let place = self.base.wrapping_add(self.places.len() as u32);
        self.places.push_back(Place { offset, slot });
        Some(place)
    }

    /// Notes that a delivery is resolved, and whether the watermark moved.
    pub(crate) fn resolve(&mut self, place: u32) -> bool {
        self.set(place, RESOLVED);
        let before = self.base;
        self.shed();
        self.base != before
    }

    /// Drops what is resolved at the front.
    fn shed(&mut self) {
        while self.places.front().is_some_and(|front| front.slot == RESOLVED) {
            self.places.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }

    /// Notes that a delivery will not be resolved in this epoch.
    pub(crate) fn abandon(&mut self, place: u32) {
        self.set(place, ABANDONED);
    }

    fn set(&mut self, place: u32, slot: u32) {
        let index = place.wrapping_sub(self.base) as usize;
        debug_assert!(index < self.places.len(), "a live delivery has a place");
        if let Some(place) = self.places.get_mut(index) {
            place.slot = slot;
        }
    }

    /// Forgets given-up places below an offset that was skipped on purpose.
    pub(crate) fn skip_to(&mut self, to: Offset) {
        while self.places.front().is_some_and(|front| front.offset < to && front.slot >= ABANDONED) {
            self.places.pop_front();
            self.base = self.base.wrapping_add(1);
        }
        // Something behind them may have been resolved in between.
        self.shed();
        self.advance_to(to);
    }

    /// The reader stands here: nothing below arrives any more.
    pub(crate) fn advance_to(&mut self, position: Offset) {
        self.position = self.position.max(position);
    }

    /// The next offset that can still arrive.
    pub(crate) fn position(&self) -> Offset {
        self.position
    }

    /// The commit watermark: the first offset that is not safe to commit past.
    pub(crate) fn next(&self) -> Offset {
        self.places.front().map_or(self.position, |front| front.offset)
    }

    /// Whether everything delivered is resolved.
    pub(crate) fn is_clear(&self) -> bool {
        self.places.is_empty()
    }

    /// Places held: unresolved deliveries and whatever lies behind them.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Slots of the live deliveries, in offset order.
    pub(crate) fn live(&self) -> impl Iterator<Item = u32> {
        self.places.iter().filter(|place| place.slot < ABANDONED).map(|place| place.slot)
    }
}
