//! Takes marks out of a file, so that their events are handled again.
//!
//! Segments never change under a running consumer. Here they do, which is why forgetting needs the file alone: see [`Upkeep::alone`].

use onceward_engine::{EventHash, Offset};
use rusqlite::{Connection, OptionalExtension, Result};

use super::entry::{self, Entry};
use super::schema::{self, LIVE};
use super::upkeep::Upkeep;
use crate::inbox::InboxError;
use crate::inbox::place::Position;
use crate::inbox::ranges::OffsetRanges;

/// What becomes of a partition's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Moved {
    /// The commit watermark that was remembered.
    pub from: Option<i64>,
    /// The one that is remembered afterwards.
    pub to: Option<i64>,
    /// Offsets that counted as handled and do no longer.
    pub offsets: u64,
}

impl Upkeep {
    /// How many of these ids are marked.
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be read.
    pub fn marked(&self, ids: &[EventHash]) -> Result<u64, InboxError> {
        // One snapshot: a consumer that folds small rows meanwhile would move marks past the reader.
        let found = self.conn.execute_batch("BEGIN").and_then(|()| walk(&self.conn, ids, false));
        let ended = self.conn.execute_batch("ROLLBACK");
        found.and_then(|found| ended.map(|()| found)).map_err(|error| self.said(&error))
    }

    /// Takes the marks of these ids out; answers how many there were. Needs the file [alone](Upkeep::alone).
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be written; then none was taken out.
    pub fn forget(&mut self, ids: &[EventHash]) -> Result<u64, InboxError> {
        self.transaction(|conn| {
            let found = walk(conn, ids, true)?;
            schema::reshape(conn)?;
            Ok(found)
        })
    }

    /// What [`Upkeep::forget_offsets`] would do; `None`: nothing.
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be read.
    pub fn offsets(&self, group: &str, topic: &str, partition: i32, from: i64, until: Option<i64>) -> Result<Option<Moved>, InboxError> {
        position(&self.conn, (group, topic, partition), from, until, false).map_err(|error| self.said(&error))
    }

    /// Forgets that the offsets from one up to another are handled, of a group's partition. Needs the file [alone](Upkeep::alone).
    ///
    /// # Errors
    /// [`InboxError`] when the file can't be written.
    pub fn forget_offsets(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        from: i64,
        until: Option<i64>,
    ) -> Result<Option<Moved>, InboxError> {
        self.transaction(|conn| position(conn, (group, topic, partition), from, until, true))
    }
}

/// Looks for ids everywhere and, if asked to, takes them out.
fn walk(conn: &Connection, ids: &[EventHash], write: bool) -> Result<u64> {
    let mut ids: Vec<u128> = ids.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut wanted = Wanted { met: vec![false; ids.len()], ids };
    let mut gone = 0;
    let mut update = conn.prepare("UPDATE onceward_small SET ids = ?2 WHERE id = ?1")?;
    let rows: Vec<i64> =
        conn.prepare("SELECT id FROM onceward_small ORDER BY id")?.query_map([], |row| row.get(0))?.collect::<Result<_>>()?;
    for row in rows {
        let Some((left, _)) = wanted.without(conn, "SELECT ids FROM onceward_small WHERE id = ?1", row, 0..wanted.ids.len())? else {
            continue;
        };
        if !write {
            continue;
        }
        if left.is_empty() {
            conn.execute("DELETE FROM onceward_small WHERE id = ?1", [row])?;
        } else {
            update.execute((row, left))?;
        }
    }
    let segments: Vec<(i64, i64)> = conn
        .prepare(&format!("SELECT id, chunks FROM onceward_segment WHERE state = {LIVE} ORDER BY id"))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_>>()?;
    let mut update = conn.prepare("UPDATE onceward_chunk SET ids = ?2 WHERE id = ?1")?;
    for (segment, chunks) in segments {
        let (mut start, mut removed) = (0, 0_i64);
        while let Some(first) = wanted.ids.get(start) {
            let chunk = entry::chunk_of(*first, chunks);
            let rest = wanted.ids.get(start..).unwrap_or_default();
            let end = start.saturating_add(rest.partition_point(|id| entry::chunk_of(*id, chunks) == chunk));
            let row = segment.saturating_add(1).saturating_add(chunk);
            if let Some((left, count)) = wanted.without(conn, "SELECT ids FROM onceward_chunk WHERE id = ?1", row, start..end)? {
                removed = removed.saturating_add(count);
                if write && left.is_empty() {
                    conn.execute("DELETE FROM onceward_chunk WHERE id = ?1", [row])?;
                } else if write {
                    update.execute((row, left))?;
                }
            }
            start = end.max(start.saturating_add(1));
        }
        if write && removed > 0 {
            conn.execute("UPDATE onceward_segment SET count = max(0, count - ?2) WHERE id = ?1", (segment, removed))?;
            gone += 1;
        }
    }
    if gone > 0 {
        conn.execute(&format!("DELETE FROM onceward_segment WHERE state = {LIVE} AND count = 0"), [])?;
    }
    Ok(wanted.met.iter().filter(|met| **met).count() as u64)
}

/// Sorted ids that are looked for, and which of them were met.
struct Wanted {
    ids: Vec<u128>,
    met: Vec<bool>,
}

impl Wanted {
    /// What is left of a row's marks, and how many are not; `None`: all of them.
    fn without(&mut self, conn: &Connection, sql: &str, row: i64, among: std::ops::Range<usize>) -> Result<Option<(Vec<u8>, i64)>> {
        let Self { ids, met } = self;
        let first = among.start;
        let ids = ids.get(among).unwrap_or_default();
        let found = conn.prepare_cached(sql)?.query_row([row], |row| {
            let bytes = row.get_ref(0)?.as_blob()?;
            let all = entry::entries(bytes).len();
            let left: Vec<Entry> = entry::entries(bytes)
                .filter(|(id, _)| match ids.binary_search(id) {
                    Ok(at) => {
                        if let Some(met) = met.get_mut(first.saturating_add(at)) {
                            *met = true;
                        }
                        false
                    }
                    Err(_) => true,
                })
                .collect();
            let removed = i64::try_from(all.saturating_sub(left.len())).unwrap_or(i64::MAX);
            let mut bytes = Vec::new();
            entry::encode(&mut bytes, &left);
            Ok((removed > 0).then_some((bytes, removed)))
        });
        // A chunk without marks has no row.
        found.optional().map(Option::flatten)
    }
}

fn position(
    conn: &Connection,
    (group, topic, partition): (&str, &str, i32),
    from: i64,
    until: Option<i64>,
    write: bool,
) -> Result<Option<Moved>> {
    let whose = "consumer_group = ?1 AND topic = ?2 AND partition = ?3";
    let row = conn
        .prepare_cached(&format!("SELECT committed, handled FROM onceward_position WHERE {whose}"))?
        .query_row((group, topic, partition), |row| {
            let handled = OffsetRanges::decode(row.get_ref(1)?.as_blob()?).unwrap_or_default();
            Ok(Position { committed: row.get::<_, Option<i64>>(0)?.map(Offset), handled })
        })
        .optional()?;
    let Some(mut kept) = row else { return Ok(None) };
    let before = kept.committed.map(|offset| offset.0);
    let offsets = kept.forget(from, until.unwrap_or(i64::MAX));
    if offsets == 0 {
        return Ok(None);
    }
    let after = kept.committed.map(|offset| offset.0);
    if write {
        conn.prepare_cached(&format!("UPDATE onceward_position SET committed = ?4, handled = ?5, revision = revision + 1 WHERE {whose}"))?
            .execute((group, topic, partition, after, kept.handled.encode()))?;
    }
    Ok(Some(Moved { from: before, to: after, offsets }))
}
