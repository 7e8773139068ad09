//! The last ids marked, exactly: a fresh duplicate is answered without I/O, and a queued mark is never forgotten.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::hash_table::Entry;
use hashbrown::{HashMap, HashTable};
use onceward_engine::Digest;

/// Ids are hashes already: their own low half is as good as any hash of them.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = id as u64;
    }

    /// Numbers of partitions: small, so they are spread to the high bits, where the table looks first.
    fn write_u32(&mut self, number: u32) {
        self.0 = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A map by id.
pub(crate) type IdMap<V> = HashMap<u128, V, BuildHasherDefault<IdHasher>>;

/// What is known of a recent id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecentMark {
    /// Its payload's digest.
    pub(crate) digest: Digest,
    /// The number of its mark: durable once the writer has come that far.
    pub(crate) number: u64,
}

/// Marks in the order in which they came, and an index over them: a look-up that finds nothing touches a byte of it, and an insertion
/// writes the marks one after the other.
#[derive(Default)]
struct Half {
    marks: Vec<(u128, RecentMark)>,
    index: HashTable<u32>,
}

impl Half {
    fn get(&self, id: u128) -> Option<RecentMark> {
        let at = self.index.find(id as u64, |&at| self.marks.get(at as usize).is_some_and(|mark| mark.0 == id))?;
        self.marks.get(*at as usize).map(|mark| mark.1)
    }

    /// Adds a mark or renews it.
    fn insert(&mut self, id: u128, mark: RecentMark) {
        let Self { marks, index } = self;
        let same = |&at: &u32| marks.get(at as usize).is_some_and(|held| held.0 == id);
        // An index that grows needs the hash of what it holds.
        let place = index.entry(id as u64, same, |&at| marks.get(at as usize).map_or(0, |held| held.0 as u64));
        match place {
            Entry::Occupied(place) => {
                if let Some(held) = marks.get_mut(*place.get() as usize) {
                    held.1 = mark;
                }
            }
            Entry::Vacant(place) => {
                place.insert(marks.len() as u32);
                marks.push((id, mark));
            }
        }
    }

    fn remove(&mut self, id: u128, number: u64) {
        let same = |&at: &u32| self.marks.get(at as usize).is_some_and(|held| held.0 == id && held.1.number == number);
        if let Ok(place) = self.index.find_entry(id as u64, same) {
            place.remove();
        }
    }

    fn clear(&mut self) {
        self.marks.clear();
        self.index.clear();
    }

    fn bytes(&self) -> u64 {
        let width = size_of::<(u128, RecentMark)>() as u64;
        (self.marks.capacity() as u64).saturating_mul(width).saturating_add((self.index.capacity() as u64).saturating_mul(5 * 8 / 7))
    }
}

/// The set, in two halves: when the young one is full, the old one is emptied as a whole and they change places. Nothing is evicted
/// one by one.
pub(crate) struct Recent {
    young: Half,
    old: Half,
    /// The highest number in the old half, which must be decided before that half may go.
    old_until: u64,
    last: u64,
    half: usize,
}

impl Recent {
    /// Keeps at least half as many, at most that many, and everything not yet durable.
    pub(crate) fn new(keep: usize) -> Self {
        Self { young: Half::default(), old: Half::default(), old_until: 0, last: 0, half: keep / 2 }
    }

    /// What is known of an id.
    pub(crate) fn get(&self, id: u128) -> Option<RecentMark> {
        self.young.get(id).or_else(|| self.old.get(id))
    }

    /// Adds a mark; numbers rise.
    pub(crate) fn insert(&mut self, id: u128, mark: RecentMark, durable: u64) {
        if self.young.marks.len() >= self.half && self.old_until <= durable {
            self.old.clear();
            std::mem::swap(&mut self.young, &mut self.old);
            self.old_until = self.last;
        }
        self.last = mark.number;
        self.young.insert(id, mark);
    }

    /// Takes a mark out that was not written after all; other marks of the same id stay.
    pub(crate) fn remove(&mut self, id: u128, number: u64) {
        self.young.remove(id, number);
        self.old.remove(id, number);
    }

    /// Forgets everything decided, because marks have expired: what is left out here is found by the filter and the store. Answers what
    /// is left.
    pub(crate) fn clear_durable(&mut self, durable: u64) -> impl Iterator<Item = u128> + '_ {
        let mut left: Vec<(u128, RecentMark)> = Vec::new();
        for half in [&mut self.old, &mut self.young] {
            // By way of the index: what was removed is not in it any more.
            let undecided = half.index.iter().filter_map(|&at| half.marks.get(at as usize)).filter(|held| held.1.number > durable);
            left.extend(undecided);
            half.clear();
        }
        left.sort_unstable_by_key(|held| held.1.number);
        left.into_iter().for_each(|(id, mark)| self.young.insert(id, mark));
        self.old_until = 0;
        self.young.marks.iter().map(|held| held.0)
    }

    /// Memory used, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.young.bytes().saturating_add(self.old.bytes())
    }
}

#[cfg(test)]
mod tests {
    use onceward_engine::Digest;

    use super::{Recent, RecentMark};

    fn id(seed: u64) -> u128 {
        xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())
    }

    fn mark(number: u64) -> RecentMark {
        RecentMark { digest: Digest(number as u32), number }
    }

    #[test]
    fn what_is_not_durable_is_never_forgotten_and_the_rest_is_bounded() {
        let mut recent = Recent::new(100);
        (1..=1_000).for_each(|number| recent.insert(id(number), mark(number), 0));
        assert!((1..=1_000).all(|number| recent.get(id(number)).is_some_and(|held| held.number == number)));
        (1_001..=2_000).for_each(|number| recent.insert(id(number), mark(number), number - 10));
        assert!((1_951..=2_000).all(|number| recent.get(id(number)).is_some()));
        assert!((1..=2_000).filter(|&number| recent.get(id(number)).is_some()).count() <= 100);
    }

    #[test]
    fn the_latest_mark_of_an_id_counts_and_only_the_mark_named_is_removed() {
        let mut recent = Recent::new(4);
        recent.insert(id(1), mark(1), 0);
        recent.insert(id(1), mark(2), 0);
        recent.remove(id(1), 1);
        assert_eq!(recent.get(id(1)).map(|held| held.number), Some(2));
        recent.remove(id(1), 2);
        assert!(recent.get(id(1)).is_none());
        // In the old half as well.
        (3..=5).for_each(|number| recent.insert(id(number), mark(number), 0));
        recent.insert(id(3), mark(6), 0);
        assert_eq!(recent.get(id(3)).map(|held| held.number), Some(6));
    }

    #[test]
    fn after_expiry_only_what_is_queued_is_left() {
        let mut recent = Recent::new(10);
        (1..=30).for_each(|number| recent.insert(id(number), mark(number), 0));
        recent.remove(id(29), 29);
        assert_eq!(recent.clear_durable(25).collect::<Vec<_>>(), [26, 27, 28, 30].map(id));
        assert_eq!((1..=30).filter(|&number| recent.get(id(number)).is_some()).count(), 4);
    }
}
