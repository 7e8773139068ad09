//! A small row in memory: the very bytes of the file, with a filter in front.
//!
//! Most marks are in small rows for a while and never looked up there, so they are not put into a map one by one.

use onceward_engine::Digest;

use super::entry::{self, Entry, WIDTH};
use super::finder::Finder;
use crate::inbox::filter::Bloom;

/// A small row.
pub(super) struct Small {
    pub(super) id: i64,
    pub(super) bucket: i64,
    ids: Vec<u8>,
    filter: Bloom,
}

impl Small {
    pub(super) fn new(id: i64, bucket: i64, ids: Vec<u8>) -> Self {
        let mut filter = Finder::new_filter((ids.len() / WIDTH) as u64);
        for (id, _) in entry::entries(&ids) {
            filter.insert(id);
        }
        Self { id, bucket, ids, filter }
    }

    /// The bytes, for another row to be written into: five megabytes that came from the allocator one by one would go back to the
    /// system with every fold, and each page of them be cleared by the kernel again.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.ids
    }

    pub(super) fn count(&self) -> u64 {
        (self.ids.len() / WIDTH) as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.ids.capacity() as u64).saturating_add(self.filter.bytes())
    }

    pub(super) fn find(&self, id: u128) -> Option<Digest> {
        if self.filter.contains(id) { entry::find(&self.ids, id) } else { None }
    }

    /// All marks, in order.
    pub(super) fn marks(&self) -> impl Iterator<Item = Entry> + '_ {
        entry::entries(&self.ids)
    }

    /// The marks from an id up to another.
    pub(super) fn part(&self, from: u128, until: Option<u128>) -> impl Iterator<Item = Entry> + '_ {
        entry::entries(entry::part(&self.ids, from, until))
    }
}
