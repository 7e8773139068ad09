//! Offsets as ranges: handled records of a partition are nearly contiguous, so a million of them take a few bytes.

use std::collections::BTreeMap;

/// A set of offsets, kept as half-open ranges that never touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OffsetRanges {
    ranges: BTreeMap<i64, i64>,
}

impl OffsetRanges {
    /// Whether an offset is in the set.
    pub(crate) fn contains(&self, offset: i64) -> bool {
        self.ranges.range(..=offset).next_back().is_some_and(|(_, &end)| offset < end)
    }

    /// Adds one offset; answers whether it was new.
    pub(crate) fn insert(&mut self, offset: i64) -> bool {
        let end = offset.saturating_add(1);
        let before = self.ranges.range(..=offset).next_back().map(|(&from, &to)| (from, to));
        if before.is_some_and(|(_, to)| offset < to) {
            return false;
        }
        let to = self.ranges.remove(&end).unwrap_or(end);
        match before {
            Some((from, touching)) if touching == offset => self.ranges.insert(from, to),
            _ => self.ranges.insert(offset, to),
        };
        true
    }

    /// Takes one offset out, splitting its range.
    pub(crate) fn remove(&mut self, offset: i64) {
        let Some((from, to)) = self.ranges.range(..=offset).next_back().map(|(&from, &to)| (from, to)) else { return };
        if offset >= to {
            return;
        }
        self.ranges.remove(&from);
        if from < offset {
            self.ranges.insert(from, offset);
        }
        if offset.saturating_add(1) < to {
            self.ranges.insert(offset.saturating_add(1), to);
        }
    }

    /// All offsets from one up to another.
    pub(crate) fn between(from: i64, until: i64) -> Self {
        Self { ranges: (from < until).then_some((from, until)).into_iter().collect() }
    }

    /// Takes all offsets from one up to another out; answers how many were there.
    pub(crate) fn cut(&mut self, from: i64, until: i64) -> u64 {
        if from >= until {
            return 0;
        }
        let before = self.count();
        let met: Vec<(i64, i64)> = self.ranges.range(..until).rev().take_while(|(_, to)| **to > from).map(|(&a, &b)| (a, b)).collect();
        for (start, end) in met {
            self.ranges.remove(&start);
            self.ranges.extend([(start, end.min(from)), (start.max(until), end)].into_iter().filter(|(from, to)| from < to));
        }
        before.saturating_sub(self.count())
    }

    /// Forgets everything below an offset.
    pub(crate) fn trim(&mut self, below: i64) {
        while let Some((&from, &to)) = self.ranges.first_key_value() {
            if from >= below {
                return;
            }
            self.ranges.remove(&from);
            if to > below {
                self.ranges.insert(below, to);
            }
        }
    }

    /// Adds everything that another set holds.
    pub(crate) fn union(&mut self, other: &Self) {
        for (&from, &to) in &other.ranges {
            let mut start = from;
            let mut end = to;
            if let Some((&left, &reach)) = self.ranges.range(..=start).next_back()
                && reach >= start
            {
                start = left;
                end = end.max(reach);
            }
            let swallowed: Vec<(i64, i64)> = self.ranges.range(start..=end).map(|(&a, &b)| (a, b)).collect();
            for (left, reach) in swallowed {
                self.ranges.remove(&left);
                end = end.max(reach);
            }
            self.ranges.insert(start, end);
        }
    }

    /// How many offsets it holds.
    pub(crate) fn count(&self) -> u64 {
        self.ranges.iter().fold(0_u64, |sum, (&from, &to)| sum.saturating_add(to.abs_diff(from)))
    }

    /// Differences as LEB128 numbers: gap, length, gap, length…
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.ranges.len().saturating_mul(4));
        let mut last = 0_i64;
        for (&from, &to) in &self.ranges {
            put(&mut bytes, from.wrapping_sub(last).cast_unsigned());
            put(&mut bytes, to.wrapping_sub(from).cast_unsigned());
            last = to;
        }
        bytes
    }

    /// The reverse of [`OffsetRanges::encode`]; `None` for bytes that it never writes.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut ranges = BTreeMap::new();
        let mut last: Option<i64> = None;
        while !bytes.is_empty() {
            let from = last.unwrap_or(0).wrapping_add(take(&mut bytes)?.cast_signed());
            let length = take(&mut bytes)?.cast_signed();
            let to = from.checked_add(length)?;
            if length <= 0 || last.is_some_and(|last| from <= last) {
                return None;
            }
            ranges.insert(from, to);
            last = Some(to);
        }
        Some(Self { ranges })
    }
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::OffsetRanges;

    fn of(offsets: &BTreeSet<i64>) -> OffsetRanges {
        let mut ranges = OffsetRanges::default();
        for &offset in offsets {
            assert!(ranges.insert(offset));
        }
        ranges
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(
            first in proptest::collection::btree_set(0_i64..200, 0..80),
            second in proptest::collection::btree_set(0_i64..200, 0..80),
            gone in 0_i64..200,
            below in 0_i64..200,
            cut in (0_i64..200, 0_i64..200),
        ) {
            let mut ranges = of(&first);
            ranges.union(&of(&second));
            ranges.remove(gone);
            ranges.trim(below);
            let removed = ranges.cut(cut.0, cut.1);
            let mut expected: BTreeSet<i64> = first.union(&second).copied().collect();
            expected.remove(&gone);
            expected.retain(|&offset| offset >= below);
            let there = expected.len();
            expected.retain(|offset| !(cut.0..cut.1).contains(offset));
            prop_assert_eq!(removed, (there - expected.len()) as u64);
            prop_assert_eq!(ranges.count(), expected.len() as u64);
            for offset in -1..201 {
                prop_assert_eq!(ranges.contains(offset), expected.contains(&offset));
            }
            prop_assert_eq!(OffsetRanges::decode(&ranges.encode()).unwrap(), of(&expected));
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some(ranges) = OffsetRanges::decode(&bytes) {
                prop_assert_eq!(OffsetRanges::decode(&ranges.encode()), Some(ranges));
            }
        }
    }
}
