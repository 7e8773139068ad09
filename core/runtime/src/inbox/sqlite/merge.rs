//! Makes one segment of many, or of small rows, a part of the id space per step.
//!
//! The result is invisible until the last step turns it live and its inputs dead in one transaction; a process that dies before
//! leaves a segment that never counted.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Result};

use super::entry::{self, WIDTH};
use super::finder::{Finder, Segment};
use super::schema::{self, BUILDING, DEAD, LIVE};
use super::shared::Shared;
use super::small::Small;
use crate::inbox::filter::Bloom;

/// About 11,000 ids per step: a millisecond or two.
const STEP: i64 = 64;

/// What is made into one.
enum Inputs {
    /// Segments by number, with their chunks.
    Segments(Vec<(i64, i64)>),
    /// All small rows of a bucket up to a number, which are in memory.
    Small { bucket: i64, newest: i64, rows: Vec<Arc<Small>> },
}

/// What a step did, if its transaction commits.
pub(super) enum Step {
    /// Wrote a part with so many marks.
    Part { next: i64, count: i64 },
    /// The result counts now, and the inputs no longer.
    Ended,
    /// An input is gone.
    GivenUp,
}

/// A merge under way.
pub(super) struct Merge {
    id: i64,
    chunks: i64,
    inputs: Inputs,
    next: i64,
    count: i64,
    filter: Bloom,
}

impl Merge {
    /// Begins to merge segments of one bucket.
    pub(super) fn of_segments(conn: &Connection, inputs: &[Segment], now: i64) -> Result<Self> {
        let count = inputs.iter().map(|segment| segment.count).sum();
        let newest = inputs.iter().map(|segment| segment.newest).max().unwrap_or(0);
        let bucket = inputs.first().map_or(0, |segment| segment.bucket);
        let inputs = Inputs::Segments(inputs.iter().map(|segment| (segment.id, segment.chunks)).collect());
        Self::begin(conn, inputs, (count, bucket, newest), now)
    }

    /// Begins to fold the small rows of the oldest bucket that has any. They must be those of the open transaction.
    pub(super) fn of_small(conn: &Connection, rows: &[Arc<Small>], now: i64) -> Result<Option<Self>> {
        let Some(bucket) = rows.iter().map(|row| row.bucket).min() else { return Ok(None) };
        let rows: Vec<_> = rows.iter().filter(|row| row.bucket == bucket).cloned().collect();
        let newest = rows.last().map_or(0, |row| row.id);
        let count = rows.iter().map(|row| row.count()).sum();
        Self::begin(conn, Inputs::Small { bucket, newest, rows }, (count, bucket, newest), now).map(Some)
    }

    /// Reserves the numbers of the result.
    fn begin(conn: &Connection, inputs: Inputs, (count, bucket, newest): (u64, i64, i64), now: i64) -> Result<Self> {
        let chunks = entry::chunks_for(count);
        let id = schema::allocate(conn, chunks.saturating_add(1))?;
        conn.execute("INSERT INTO onceward_segment VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)", (id, bucket, chunks, newest, BUILDING, now))?;
        Ok(Self { id, chunks, inputs, next: 0, count: 0, filter: Finder::new_filter(count) })
    }

    /// Writes the next part, or ends the merge. A step whose commit fails is taken again, so nothing here moves on by itself: see
    /// [`Merge::advance`] and [`Merge::publish`]. `room` is for the bytes of a part.
    pub(super) fn step(&mut self, conn: &Connection, room: &mut Vec<u8>) -> Result<Step> {
        if !self.is_intact(conn)? {
            self.give_up(conn)?;
            return Ok(Step::GivenUp);
        }
        if let Some(from) = entry::chunk_start(self.next, self.chunks) {
            return self.write_part(conn, from, room);
        }
        match &self.inputs {
            Inputs::Segments(segments) => {
                for (input, _) in segments {
                    conn.prepare_cached("UPDATE onceward_segment SET state = ?2 WHERE id = ?1")?.execute((input, DEAD))?;
                }
            }
            Inputs::Small { bucket, newest, .. } => {
                conn.prepare_cached("DELETE FROM onceward_small WHERE id <= ?1 AND bucket = ?2")?.execute((newest, bucket))?;
            }
        }
        conn.prepare_cached("UPDATE onceward_segment SET state = ?2, count = ?3 WHERE id = ?1")?.execute((self.id, LIVE, self.count))?;
        schema::reshape(conn)?;
        Ok(Step::Ended)
    }

    /// A part is committed.
    pub(super) fn advance(&mut self, next: i64, count: i64) {
        self.next = next;
        self.count = self.count.saturating_add(count);
    }

    /// The end is committed: the result's filter takes the place of those of its inputs. Answers the rows that were folded.
    pub(super) fn publish(self, shared: &Shared, budget: u64) -> Vec<Arc<Small>> {
        if let Inputs::Segments(segments) = &self.inputs {
            shared.retain_filters(|segment| segments.iter().all(|(input, _)| *input != segment));
        }
        shared.keep_filter(self.id, &Arc::new(self.filter), budget);
        if let Inputs::Small { rows, .. } = self.inputs { rows } else { Vec::new() }
    }

    fn write_part(&mut self, conn: &Connection, from: u128, room: &mut Vec<u8>) -> Result<Step> {
        let next = self.next.saturating_add(STEP).min(self.chunks);
        let until = entry::chunk_start(next, self.chunks);
        let ends = self.gather(conn, from, until, room)?;
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let mut runs: Vec<&[[u8; WIDTH]]> =
            starts.zip(&ends).filter_map(|(start, &end)| room.get(start..end)).map(|run| run.as_chunks().0).collect();
        let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO onceward_chunk VALUES (?1, ?2)")?;
        let (mut marks, mut bytes, mut count) = (Vec::new(), Vec::new(), 0_i64);
        for chunk in self.next..next {
            // The runs are sorted, so what belongs to a chunk lies at the start of each. A chunk fits into the first-level cache, which
            // sorts it faster than merging hundreds of runs would.
            let end = entry::chunk_start(chunk.saturating_add(1), self.chunks);
            runs.iter_mut().for_each(|run| entry::take_until(run, end, &mut marks));
            marks.sort_unstable_by_key(|&(id, _)| id);
            marks.dedup_by_key(|mark| mark.0);
            if !marks.is_empty() {
                entry::encode(&mut bytes, &marks);
                insert.execute((self.id.saturating_add(1).saturating_add(chunk), &bytes))?;
            }
            for (id, _) in marks.drain(..) {
                self.filter.insert(id);
                count = count.saturating_add(1);
            }
        }
        Ok(Step::Part { next, count })
    }

    /// Puts the marks from an id up to another together, of one input after the other; answers where each ends. Read from here, hundreds
    /// of inputs side by side lie in the second-level cache; from their own places, each mark would be waited for.
    fn gather(&self, conn: &Connection, from: u128, until: Option<u128>, room: &mut Vec<u8>) -> Result<Vec<usize>> {
        room.clear();
        let mut ends = Vec::new();
        let segments = match &self.inputs {
            Inputs::Segments(segments) => segments,
            Inputs::Small { rows, .. } => {
                for row in rows {
                    room.extend_from_slice(row.part(from, until).as_flattened());
                    ends.push(room.len());
                }
                return Ok(ends);
            }
        };
        let mut read = conn.prepare_cached("SELECT ids FROM onceward_chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id")?;
        for &(segment, chunks) in segments {
            let first = entry::chunk_of(from, chunks);
            let last = until.map_or(chunks, |until| entry::chunk_of(until, chunks)).min(chunks.saturating_sub(1));
            let start = segment.saturating_add(1);
            let mut rows = read.query((start.saturating_add(first), start.saturating_add(last)))?;
            while let Some(row) = rows.next()? {
                room.extend_from_slice(entry::part(row.get_ref(0)?.as_blob()?, from, until).as_flattened());
            }
            ends.push(room.len());
        }
        Ok(ends)
    }

    /// Whether we still build, and every input still counts.
    fn is_intact(&self, conn: &Connection) -> Result<bool> {
        let mut state = conn.prepare_cached("SELECT state FROM onceward_segment WHERE id = ?1")?;
        let mut is =
            |id: i64, wanted: i64| state.query_row([id], |row| row.get(0)).optional().map(|state: Option<i64>| state == Some(wanted));
        if !is(self.id, BUILDING)? {
            return Ok(false);
        }
        match &self.inputs {
            Inputs::Segments(segments) => {
                for (input, _) in segments {
                    if !is(*input, LIVE)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Inputs::Small { bucket, newest, rows } => {
                // Rows never change and numbers never come back: as many as we hold are the ones that we hold. Another process folds or
                // expires all or none of them.
                let left: i64 = conn
                    .prepare_cached("SELECT count(*) FROM onceward_small WHERE id <= ?1 AND bucket = ?2")?
                    .query_row((newest, bucket), |row| row.get(0))?;
                Ok(usize::try_from(left).is_ok_and(|left| left == rows.len()))
            }
        }
    }

    /// Leaves what was written to be deleted.
    pub(super) fn give_up(&self, conn: &Connection) -> Result<()> {
        conn.execute("UPDATE onceward_segment SET state = ?2 WHERE id = ?1 AND state = ?3", (self.id, DEAD, BUILDING))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Arc;

    use onceward_engine::Digest;
    use rusqlite::Connection;

    use super::{Merge, Small, Step};
    use crate::inbox::sqlite::entry::{self, Entry};
    use crate::inbox::sqlite::finder::Finder;
    use crate::inbox::sqlite::schema;
    use crate::inbox::sqlite::shared::Shared;

    const ROWS: i64 = 90;

    fn rows(conn: &Connection) -> (Vec<Arc<Small>>, Vec<Entry>) {
        let (mut rows, mut all) = (Vec::new(), Vec::new());
        for id in 1..=ROWS {
            let mut marks: Vec<Entry> =
                (0..500_i64).map(|seed| (xxhash_rust::xxh3::xxh3_128(&(id * 1_000 + seed).to_le_bytes()), Digest(id as u32))).collect();
            marks.sort_unstable_by_key(|mark| mark.0);
            let mut bytes = Vec::new();
            entry::encode(&mut bytes, &marks);
            assert_eq!(schema::allocate(conn, 1).unwrap(), id);
            conn.execute("INSERT INTO onceward_small VALUES (?1, 10, ?2)", (id, &bytes)).unwrap();
            rows.push(Arc::new(Small::read(id, 10, &bytes)));
            all.extend(marks);
        }
        (rows, all)
    }

    /// Takes each step twice, the first time with a commit that fails, until the merge ends.
    fn run(conn: &Connection, merge: &mut Merge) -> u32 {
        let (mut room, mut parts) = (Vec::new(), 0);
        loop {
            conn.execute_batch("BEGIN").unwrap();
            merge.step(conn, &mut room).unwrap();
            conn.execute_batch("ROLLBACK; BEGIN").unwrap();
            let step = merge.step(conn, &mut room).unwrap();
            conn.execute_batch("COMMIT").unwrap();
            match step {
                Step::Part { next, count } => merge.advance(next, count),
                Step::Ended => return parts,
                Step::GivenUp => panic!("given up"),
            }
            parts += 1;
        }
    }

    #[test]
    fn steps_whose_commit_fails_lose_no_mark() {
        let conn = Connection::open_in_memory().unwrap();
        schema::create(&conn).unwrap();
        let shared = Shared::new(Arc::new(|_| {}));
        let mut finder = Finder::new(64 << 20);
        let (rows, all) = rows(&conn);
        let mut merge = Merge::of_small(&conn, &rows, 0).unwrap().unwrap();
        assert!(run(&conn, &mut merge) > 1, "one part proves nothing");
        merge.publish(&shared, 64 << 20);
        // The result is merged once more, alone.
        finder.refresh(&conn, &shared, None).unwrap();
        let mut merge = Merge::of_segments(&conn, finder.segments(), 0).unwrap();
        run(&conn, &mut merge);
        merge.publish(&shared, 64 << 20);
        finder.refresh(&conn, &shared, None).unwrap();
        assert_eq!(finder.marks(), all.len() as u64);
        assert!(all.iter().all(|&(id, digest)| finder.find(&conn, id).unwrap() == Some(digest)));
    }

    #[test]
    fn a_fold_gives_up_when_another_process_was_first() {
        let conn = Connection::open_in_memory().unwrap();
        schema::create(&conn).unwrap();
        let (rows, _) = rows(&conn);
        let mut merge = Merge::of_small(&conn, &rows, 0).unwrap().unwrap();
        conn.execute("DELETE FROM onceward_small WHERE id = 7", []).unwrap();
        assert!(matches!(merge.step(&conn, &mut Vec::new()).unwrap(), Step::GivenUp));
        let state: i64 = conn.query_row("SELECT state FROM onceward_segment", [], |row| row.get(0)).unwrap();
        assert_eq!(state, schema::DEAD);
    }
}
