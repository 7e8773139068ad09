//! Where an id is, in one snapshot of the file.
//!
//! Everything that decides an answer comes from the open transaction; the filters only save reads, so they may lag or be missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use onceward_engine::Digest;
use rusqlite::{Connection, OptionalExtension, Result};

use super::entry::{self, Entry};
use super::schema::{self, LIVE};
use super::shared::Shared;
use super::small::Small;
use crate::inbox::filter::Bloom;

pub(super) const SEGMENT_BITS: u64 = 8;
/// Bits of a segment's filter lie elsewhere than those of the filter in front, or both would be wrong together.
pub(super) const SEGMENT_TURN: u32 = 29;

/// A live segment.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) id: i64,
    pub(super) bucket: i64,
    pub(super) count: u64,
    pub(super) chunks: i64,
    pub(super) newest: i64,
    filter: Option<Arc<Bloom>>,
}

/// Marks that a refresh met for the first time.
pub(super) trait Newcomers {
    /// So many of a bucket follow, about.
    fn expect(&mut self, bucket: i64, count: u64);
    /// One.
    fn meet(&mut self, bucket: i64, entry: Entry);
}

/// Live segments and small rows: those of the file, as of the last refresh and our own commits since.
#[derive(Default)]
pub(super) struct Finder {
    segments: Vec<Segment>,
    /// By their numbers.
    small: Vec<Arc<Small>>,
    small_ids: u64,
    last: i64,
    reshaped: i64,
    filter_budget: u64,
}

impl Finder {
    pub(super) fn new(filter_budget: u64) -> Self {
        Self { filter_budget, reshaped: -1, ..Self::default() }
    }

    /// Live segments, oldest first.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Rows not yet folded, oldest first.
    pub(super) fn small(&self) -> &[Arc<Small>] {
        &self.small
    }

    /// Ids in rows not yet folded.
    pub(super) fn small_ids(&self) -> u64 {
        self.small_ids
    }

    /// Memory that these rows take.
    pub(super) fn small_bytes(&self) -> u64 {
        self.small.iter().map(|row| row.memory()).sum()
    }

    /// Marks that count.
    pub(super) fn marks(&self) -> u64 {
        self.segments.iter().fold(self.small_ids, |sum, segment| sum.saturating_add(segment.count))
    }

    /// Sees everything committed so far, inside a transaction. With newcomers, their ids are read as well and filters are built.
    pub(super) fn refresh(&mut self, conn: &Connection, shared: &Shared, mut newcomers: Option<&mut dyn Newcomers>) -> Result<()> {
        let reshaped = schema::number(conn, "reshaped")?;
        let seen = self.last;
        let from = if reshaped == self.reshaped { seen } else { 0 };
        let sequence = schema::number(conn, "sequence")?;
        if from == sequence {
            return Ok(());
        }
        let mut segments = conn
            .prepare_cached(&format!(
                "SELECT id, bucket, count, chunks, newest FROM onceward_segment WHERE id > ?1 AND state = {LIVE} ORDER BY id"
            ))?
            .query_map([from], |row| {
                let count: i64 = row.get(2)?;
                Ok(Segment {
                    id: row.get(0)?,
                    bucket: row.get(1)?,
                    count: count.unsigned_abs(),
                    chunks: row.get(3)?,
                    newest: row.get(4)?,
                    filter: None,
                })
            })?
            .collect::<Result<Vec<_>>>()?;
        if let Some(newcomers) = newcomers.as_deref_mut() {
            let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
            for segment in segments.iter().filter(|segment| segment.newest > seen) {
                let count = counts.entry(segment.bucket).or_default();
                *count = count.saturating_add(segment.count);
            }
            counts.into_iter().for_each(|(bucket, count)| newcomers.expect(bucket, count));
        }
        // Newest first, so that the filter budget goes to them.
        for segment in segments.iter_mut().rev() {
            segment.filter = shared.filter(segment.id);
            if let Some(newcomers) = newcomers.as_deref_mut()
                && (segment.newest > seen || segment.filter.is_none())
            {
                self.read_segment(conn, shared, segment, (segment.newest > seen).then_some(newcomers))?;
            }
        }
        let mut small = Vec::new();
        // Without their marks, which are several pages each and mostly known already.
        let mut statement = conn.prepare_cached("SELECT id, bucket FROM onceward_small WHERE id > ?1 ORDER BY id")?;
        let mut marks = conn.prepare_cached("SELECT ids FROM onceward_small WHERE id = ?1")?;
        let mut rows = statement.query([seen])?;
        while let Some(row) = rows.next()? {
            let (id, bucket) = (row.get(0)?, row.get(1)?);
            let row = match shared.small(id) {
                Some(row) => row,
                None => Arc::new(marks.query_row([id], |row| Ok(Small::read(id, bucket, row.get_ref(0)?.as_blob()?)))?),
            };
            if let Some(newcomers) = newcomers.as_deref_mut() {
                row.marks().for_each(|entry| newcomers.meet(row.bucket, entry));
            }
            small.push(row);
        }
        // Rows never change, so those that are left need not be read again.
        let left = if from == seen { None } else { Some(numbers_of_small(conn, seen)?) };
        // Only now, since a read that fails above is tried again from the same place.
        if let Some(left) = left {
            self.segments = segments;
            shared.retain_filters(|id| self.segments.iter().any(|segment| segment.id == id));
            self.small.retain(|row| {
                let stays = left.binary_search(&row.id).is_ok();
                if !stays {
                    shared.drop_small(row.id);
                }
                stays
            });
        } else {
            self.segments.append(&mut segments);
        }
        self.small.append(&mut small);
        self.small_ids = self.small.iter().map(|row| row.count()).sum();
        self.last = sequence;
        self.reshaped = reshaped;
        Ok(())
    }

    fn read_segment(
        &self,
        conn: &Connection,
        shared: &Shared,
        segment: &mut Segment,
        mut newcomers: Option<&mut dyn Newcomers>,
    ) -> Result<()> {
        let wanted = shared.filter_bytes().saturating_add(segment.count.saturating_mul(SEGMENT_BITS) / 8) <= self.filter_budget;
        if !wanted && newcomers.is_none() {
            return Ok(());
        }
        let mut filter = wanted.then(|| Bloom::new(segment.count, SEGMENT_BITS, SEGMENT_TURN));
        let mut statement = conn.prepare_cached("SELECT ids FROM onceward_chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        let mut rows = statement.query((segment.id.saturating_add(1), segment.id.saturating_add(segment.chunks)))?;
        while let Some(row) = rows.next()? {
            for entry in entry::entries(row.get_ref(0)?.as_blob()?) {
                if let Some(filter) = &mut filter {
                    filter.insert(entry.0);
                }
                if let Some(newcomers) = newcomers.as_deref_mut() {
                    newcomers.meet(segment.bucket, entry);
                }
            }
        }
        if let Some(filter) = filter.map(Arc::new)
            && shared.keep_filter(segment.id, &filter, self.filter_budget)
        {
            segment.filter = Some(filter);
        }
        Ok(())
    }

    /// Adds a segment that this process has just committed, so that the next refresh does not take it for a foreign one.
    pub(super) fn add_segment(&mut self, shared: &Shared, id: i64, bucket: i64, chunks: i64, entries: &[Entry]) {
        let mut filter = Bloom::new(entries.len() as u64, SEGMENT_BITS, SEGMENT_TURN);
        for &(id, _) in entries {
            filter.insert(id);
        }
        let filter = Arc::new(filter);
        let filter = shared.keep_filter(id, &filter, self.filter_budget).then_some(filter);
        self.segments.push(Segment { id, bucket, count: entries.len() as u64, chunks, newest: id, filter });
        self.last = id.saturating_add(chunks);
    }

    /// Adds a small row that this process has just committed.
    pub(super) fn add_small(&mut self, shared: &Shared, row: Small) {
        let row = Arc::new(row);
        shared.keep_small(&row);
        self.last = row.id;
        self.small_ids = self.small_ids.saturating_add(row.count());
        self.small.push(row);
    }

    /// The oldest bucket that holds marks.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.segments.iter().map(|segment| segment.bucket).chain(self.small.iter().map(|row| row.bucket)).min()
    }

    /// Whether the list must be read again although nobody else committed.
    pub(super) fn is_stale(&self) -> bool {
        self.reshaped < 0
    }

    /// This process has changed the list otherwise: read it again next time. Nothing in it is foreign.
    pub(super) fn forget_shape(&mut self) {
        self.reshaped = -1;
    }

    /// A filter for a small row, or for a segment that a merge is writing.
    pub(super) fn new_filter(count: u64) -> Bloom {
        Bloom::new(count, SEGMENT_BITS, SEGMENT_TURN)
    }

    /// The digest stored with an id. Answers for the snapshot of the last refresh, which must be the open transaction's.
    pub(super) fn find(&self, conn: &Connection, id: u128) -> Result<Option<Digest>> {
        if let Some(digest) = self.small.iter().rev().find_map(|row| row.find(id)) {
            return Ok(Some(digest));
        }
        let mut statement = conn.prepare_cached("SELECT ids FROM onceward_chunk WHERE id = ?1")?;
        for segment in self.segments.iter().rev() {
            if segment.filter.as_ref().is_some_and(|filter| !filter.contains(id)) {
                continue;
            }
            let row = segment.id.saturating_add(1).saturating_add(entry::chunk_of(id, segment.chunks));
            let found = statement.query_row([row], |row| Ok(entry::find(row.get_ref(0)?.as_blob()?, id))).optional()?;
            if let Some(digest) = found.flatten() {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// Filters that were built after the last refresh, by the writer.
    pub(super) fn borrow_filters(&mut self, shared: &Shared) {
        for segment in self.segments.iter_mut().rev().filter(|segment| segment.filter.is_none()).take(64) {
            segment.filter = shared.filter(segment.id);
        }
    }
}

fn numbers_of_small(conn: &Connection, until: i64) -> Result<Vec<i64>> {
    conn.prepare_cached("SELECT id FROM onceward_small WHERE id <= ?1 ORDER BY id")?.query_map([until], |row| row.get(0))?.collect()
}
