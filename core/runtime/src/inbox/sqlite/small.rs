//! A small row in memory: the very bytes of the file, with a filter in front.
//!
//! Most marks are in small rows for a while and never looked up there, so they are not put into a map one by one.

use std::sync::Arc;

use onceward_engine::Digest;

use super::entry::{self, Entry, WIDTH};
use super::finder::{SEGMENT_BITS, SEGMENT_TURN};
use crate::inbox::filter::Bloom;

/// A small row.
pub(super) struct Small {
    pub(super) id: i64,
    pub(super) bucket: i64,
    ids: Vec<u8>,
    filter: Bloom,
}

impl Default for Small {
    fn default() -> Self {
        Self { id: 0, bucket: 0, ids: Vec::new(), filter: Bloom::new(1, SEGMENT_BITS, SEGMENT_TURN) }
    }
}

impl Small {
    /// A row read from the file.
    pub(super) fn read(id: i64, bucket: i64, ids: &[u8]) -> Self {
        let mut row = Self { ids: ids.to_vec(), ..Self::default() };
        row.ready(id, bucket);
        row
    }

    /// The bytes to fill, before [`Small::ready`].
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.ids
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.ids
    }

    /// What was filled in is a row now.
    pub(super) fn ready(&mut self, id: i64, bucket: i64) {
        (self.id, self.bucket) = (id, bucket);
        self.filter.reset(self.count(), SEGMENT_BITS);
        for (id, _) in entry::entries(&self.ids) {
            self.filter.insert(id);
        }
    }

    pub(super) fn count(&self) -> u64 {
        (self.ids.len() / WIDTH) as u64
    }

    pub(super) fn memory(&self) -> u64 {
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
    pub(super) fn part(&self, from: u128, until: Option<u128>) -> &[[u8; WIDTH]] {
        entry::part(&self.ids, from, until)
    }
}

/// Rows that were folded, for rows to come. Freed one by one, five megabytes would go back to the system with every fold, and the kernel
/// would clear each page of them again.
#[derive(Default)]
pub(super) struct Folded {
    rows: std::collections::VecDeque<Arc<Small>>,
}

/// No more than a fold needs: or else, in time, small rows would all lie in the buffers of large ones.
const MOST: u64 = 8 << 20;

impl Folded {
    pub(super) fn keep(&mut self, rows: Vec<Arc<Small>>) {
        let mut held: u64 = self.rows.iter().map(|row| row.memory()).sum();
        for row in rows {
            held = held.saturating_add(row.memory());
            if held > MOST {
                return;
            }
            self.rows.push_back(row);
        }
    }

    /// A row whose content is void. The reader may still hold the oldest, which then waits its turn again.
    pub(super) fn take(&mut self) -> Small {
        let Some(row) = self.rows.pop_front() else { return Small::default() };
        Arc::try_unwrap(row).unwrap_or_else(|row| {
            self.rows.push_back(row);
            Small::default()
        })
    }
}
