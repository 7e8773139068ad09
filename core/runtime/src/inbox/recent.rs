//! The last ids marked, exactly: a fresh duplicate is answered without I/O, and a queued mark is never forgotten.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;
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

/// The set.
pub(crate) struct Recent {
    marks: IdMap<RecentMark>,
    order: VecDeque<(u128, u64)>,
    keep: usize,
}

impl Recent {
    /// Keeps that many, and everything not yet durable.
    pub(crate) fn new(keep: usize) -> Self {
        Self { marks: IdMap::default(), order: VecDeque::new(), keep }
    }

    /// What is known of an id.
    pub(crate) fn get(&self, id: u128) -> Option<RecentMark> {
        self.marks.get(&id).copied()
    }

    /// Adds a mark; numbers rise.
    pub(crate) fn insert(&mut self, id: u128, mark: RecentMark, durable: u64) {
        self.marks.insert(id, mark);
        self.order.push_back((id, mark.number));
        while self.order.len() > self.keep
            && let Some(&(oldest, number)) = self.order.front()
            && number <= durable
        {
            self.order.pop_front();
            self.remove(oldest, number);
        }
    }

    /// Takes a mark out that was not written after all; a newer mark of the same id stays.
    pub(crate) fn remove(&mut self, id: u128, number: u64) {
        if self.marks.get(&id).is_some_and(|mark| mark.number == number) {
            self.marks.remove(&id);
        }
    }

    /// Forgets everything decided, because marks have expired: what is left out here is found by the filter and the store.
    pub(crate) fn clear_durable(&mut self, durable: u64) {
        self.marks.retain(|_, mark| mark.number > durable);
        self.order.retain(|&(_, number)| number > durable);
    }

    /// Memory used, about.
    pub(crate) fn bytes(&self) -> u64 {
        (self.marks.capacity() as u64).saturating_mul(33).saturating_add((self.order.capacity() as u64).saturating_mul(32))
    }
}
