//! Merges segments into one, a part of the id space per step.
//!
//! The result is invisible until the last step turns it live and its inputs dead in one transaction; a process that dies before
//! leaves a segment that never counted.

use std::sync::Arc;

use rusqlite::{Connection, Result};

use super::entry;
use super::finder::{Finder, Segment};
use super::schema::{self, BUILDING, DEAD, LIVE};
use super::shared::Shared;
use crate::inbox::filter::Bloom;

/// About 32,000 ids per step: a few milliseconds.
const STEP: i64 = 192;

/// A merge under way.
pub(super) struct Merge {
    id: i64,
    chunks: i64,
    inputs: Vec<(i64, i64)>,
    next: i64,
    count: i64,
    filter: Bloom,
}

impl Merge {
    /// Reserves the numbers of the result.
    pub(super) fn begin(conn: &Connection, inputs: &[Segment], now: i64) -> Result<Self> {
        let count: u64 = inputs.iter().map(|segment| segment.count).sum();
        let chunks = entry::chunks_for(count);
        let newest = inputs.iter().map(|segment| segment.newest).max().unwrap_or(0);
        let bucket = inputs.first().map_or(0, |segment| segment.bucket);
        let id = schema::allocate(conn, chunks.saturating_add(1))?;
        conn.execute("INSERT INTO onceward_segment VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)", (id, bucket, chunks, newest, BUILDING, now))?;
        let inputs = inputs.iter().map(|segment| (segment.id, segment.chunks)).collect();
        Ok(Self { id, chunks, inputs, next: 0, count: 0, filter: Finder::new_filter(count) })
    }

    /// Writes the next part, or ends the merge. `true`: goes on; `false`: ended; `None`: given up, since an input is gone.
    pub(super) fn step(&mut self, conn: &Connection, shared: &Shared, budget: u64) -> Result<Option<bool>> {
        if !self.is_intact(conn)? {
            self.give_up(conn)?;
            return Ok(None);
        }
        if let Some(from) = entry::chunk_start(self.next, self.chunks) {
            self.write_part(conn, from)?;
            return Ok(Some(true));
        }
        for (input, _) in &self.inputs {
            conn.prepare_cached("UPDATE onceward_segment SET state = ?2 WHERE id = ?1")?.execute((input, DEAD))?;
        }
        conn.prepare_cached("UPDATE onceward_segment SET state = ?2, count = ?3 WHERE id = ?1")?.execute((self.id, LIVE, self.count))?;
        schema::reshape(conn)?;
        let filter = Arc::new(std::mem::replace(&mut self.filter, Bloom::new(1, 8, 0)));
        shared.retain_filters(|segment| self.inputs.iter().all(|(input, _)| *input != segment));
        shared.keep_filter(self.id, &filter, budget);
        Ok(Some(false))
    }

    fn write_part(&mut self, conn: &Connection, from: u128) -> Result<()> {
        let after = self.next.saturating_add(STEP);
        let until = entry::chunk_start(after, self.chunks);
        let mut marks = Vec::new();
        let mut read = conn.prepare_cached("SELECT ids FROM onceward_chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        for &(input, chunks) in &self.inputs {
            let first = entry::chunk_of(from, chunks);
            let last = until.map_or(chunks, |until| entry::chunk_of(until, chunks));
            let start = input.saturating_add(1);
            let mut rows = read.query((start.saturating_add(first), start.saturating_add(last.min(chunks.saturating_sub(1)))))?;
            while let Some(row) = rows.next()? {
                let part = entry::entries(row.get_ref(0)?.as_blob()?);
                marks.extend(part.filter(|&(id, _)| id >= from && until.is_none_or(|until| id < until)));
            }
        }
        // The parts are sorted runs, which this sort finds and merges.
        marks.sort_by_key(|&(id, _)| id);
        marks.dedup_by_key(|mark| mark.0);
        let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO onceward_chunk VALUES (?1, ?2)")?;
        for (chunk, part) in entry::cut(&marks, self.chunks) {
            insert.execute((self.id.saturating_add(1).saturating_add(chunk), entry::encode(part)))?;
        }
        marks.iter().for_each(|&(id, _)| self.filter.insert(id));
        self.count = self.count.saturating_add(i64::try_from(marks.len()).unwrap_or(0));
        self.next = after;
        Ok(())
    }

    /// Whether we still build, and every input still counts.
    fn is_intact(&self, conn: &Connection) -> Result<bool> {
        let mut state = conn.prepare_cached("SELECT 1 FROM onceward_segment WHERE id = ?1 AND state = ?2")?;
        if !state.exists((self.id, BUILDING))? {
            return Ok(false);
        }
        for (input, _) in &self.inputs {
            if !state.exists((input, LIVE))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Leaves what was written to be deleted.
    pub(super) fn give_up(&self, conn: &Connection) -> Result<()> {
        conn.execute("UPDATE onceward_segment SET state = ?2 WHERE id = ?1 AND state = ?3", (self.id, DEAD, BUILDING))?;
        Ok(())
    }
}
