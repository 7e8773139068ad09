//! Housekeeping between groups, in steps of a few milliseconds, so that no mark waits for it noticeably.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::entry::{self, Entry};
use super::fault::classify;
use super::finder::{Finder, Segment};
use super::group::write_segment;
use super::merge::Merge;
use super::open::Store;
use super::schema::{self, BUILDING, DEAD, LIVE};
use super::shared::News;
use super::writer::{Gone, Writer};

/// Small rows are folded at so many ids, or so many rows.
const FOLD_IDS: u64 = 64_000;
const FOLD_ROWS: u64 = 4_096;
/// Segments of like size are merged by so many, unless the result would be larger than this.
const FAN_IN: usize = 8;
const LARGEST: u64 = 4_000_000;
/// From so many segments on, merging no longer waits for a quiet moment.
const MANY: usize = 32;
const PURGE_CHUNKS: i64 = 256;
const LOOK_MS: i64 = 1_000;
/// A merge that somebody began so long ago and never ended died with its process.
const STALE_MS: i64 = 3_600_000;

/// What housekeeping is under way.
#[derive(Default)]
pub(super) struct Compactor {
    merge: Option<Merge>,
    purge: bool,
    looked_ms: i64,
}

impl Compactor {
    /// Whether there is something to do.
    pub(super) fn pending(&self, finder: &Finder) -> bool {
        self.merge.is_some() || self.purge || fold_due(finder) || candidates(finder.segments()).is_some()
    }

    /// Whether it can't wait until nothing is queued: lists would grow, and the file with what is dead.
    pub(super) fn urgent(&self, finder: &Finder) -> bool {
        self.purge || fold_due(finder) || (finder.segments().len() >= MANY && self.pending(finder))
    }
}

fn fold_due(finder: &Finder) -> bool {
    let (rows, ids) = finder.small();
    rows >= FOLD_ROWS || ids >= FOLD_IDS
}

/// Eight segments of one bucket and like size, if there are.
fn candidates(segments: &[Segment]) -> Option<Vec<Segment>> {
    let mut tiers: BTreeMap<(i64, u32), Vec<&Segment>> = BTreeMap::new();
    for segment in segments {
        let tier = segment.count.max(1).ilog2() / 3;
        let alike = tiers.entry((segment.bucket, tier)).or_default();
        alike.push(segment);
        if alike.len() == FAN_IN && alike.iter().map(|segment| segment.count).sum::<u64>() <= LARGEST {
            return Some(alike.iter().map(|&segment| segment.clone()).collect());
        }
    }
    None
}

impl Writer {
    /// One step.
    pub(super) fn compact(&mut self) -> Result<(), Gone> {
        if self.compactor.purge {
            // Before anything is added: the pages that become free are used again.
            self.compactor.purge = self.insist(|writer, store| {
                writer.transaction(store, |_, store| purge(store)).map_err(|error| classify(&writer.path, &error))
            })?;
        }
        if let Some(mut merge) = self.compactor.merge.take() {
            let goes_on = self.insist(|writer, store| {
                let step = writer.transaction(store, |writer, store| merge.step(&store.conn, &writer.shared, writer.filter_budget()));
                step.map_err(|error| classify(&writer.path, &error))
            })?;
            match goes_on {
                Some(true) => self.compactor.merge = Some(merge),
                Some(false) => self.reshaped(),
                // An input vanished: another process merged or expired it. What was written is deleted like a dead segment.
                None => self.compactor.purge = true,
            }
        } else if fold_due(&self.finder) {
            let now = self.time.look(self.settings.clock.as_ref());
            self.insist(|writer, store| {
                writer.transaction(store, |_, store| fold(store, now)).map_err(|error| classify(&writer.path, &error))
            })?;
            self.reshaped();
        } else if let Some(inputs) = candidates(self.finder.segments()) {
            let now = self.time.look(self.settings.clock.as_ref());
            let merge = self.insist(|writer, store| {
                writer
                    .transaction(store, |_, store| Merge::begin(&store.conn, &inputs, now))
                    .map_err(|error| classify(&writer.path, &error))
            })?;
            self.compactor.merge = Some(merge);
        }
        Ok(())
    }

    /// Watches the clock: expires buckets, and writes positions that wait for a transaction.
    pub(super) fn keep_time(&mut self) -> Result<(), Gone> {
        let steady = self.settings.clock.steady_ms();
        if steady.saturating_sub(self.compactor.looked_ms) < LOOK_MS {
            return Ok(());
        }
        self.compactor.looked_ms = steady;
        let now = self.time.look(self.settings.clock.as_ref());
        if self.time.suspended() && !self.shared.counters.suspended.load(Ordering::Relaxed) {
            tracing::warn!(inbox = %self.path, "the wall clock jumped by more than an hour: nothing expires until it is back or this process starts again");
        }
        self.shared.counters.suspended.store(self.time.suspended(), Ordering::Relaxed);
        if self.positions.values().any(|kept| kept.dirty) {
            self.decide(&[], true)?;
        }
        let Some(until) = self.time.expired_until(now) else { return Ok(()) };
        if self.finder.oldest().is_some_and(|oldest| oldest <= until) {
            self.insist(|writer, store| {
                writer.transaction(store, |_, store| expire(store, until)).map_err(|error| classify(&writer.path, &error))
            })?;
            self.reshaped();
            self.shared.tell(News::Expired { until });
        }
        Ok(())
    }

    /// At open: what a dead process left behind.
    pub(super) fn clean_up(&mut self, store: &Store, now: i64) -> rusqlite::Result<()> {
        store.conn.execute(
            "UPDATE onceward_segment SET state = ?1 WHERE state = ?2 AND started < ?3",
            (DEAD, BUILDING, now.saturating_sub(STALE_MS)),
        )?;
        self.compactor.purge = true;
        Ok(())
    }

    /// At close: a merge that is not finished will not be.
    pub(super) fn give_up_merge(&mut self) {
        if let (Some(merge), Some(store)) = (self.compactor.merge.take(), &self.store) {
            // If this fails, the next open but one hour finds it stale.
            drop(merge.give_up(&store.conn));
        }
    }

    fn filter_budget(&self) -> u64 {
        super::handle::segment_budget(&self.settings)
    }

    fn reshaped(&mut self) {
        self.finder.forget_shape();
        self.compactor.purge = true;
        // Read the list at once, or the same candidates would be chosen again.
        if let Some(mut store) = self.store.take() {
            let seen = store.conn.execute_batch("BEGIN").and_then(|()| self.see(&mut store));
            drop(store.conn.execute_batch("COMMIT"));
            if let Err(error) = seen {
                tracing::warn!(inbox = %self.path, %error, "could not read the list of segments; trying again with the next group");
            }
            self.store = Some(store);
        }
        self.count();
    }

    fn transaction<T>(
        &mut self,
        store: &mut Store,
        action: impl FnOnce(&mut Self, &mut Store) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // Housekeeping need not be synced: the log is written in order, so the next group's commit makes it durable, and if the power
        // fails before that, nothing but work is lost.
        store.conn.execute_batch("PRAGMA synchronous = NORMAL")?;
        let begun = store.conn.execute_batch("BEGIN IMMEDIATE").and_then(|()| self.see(store));
        let done = begun.and_then(|()| {
            let value = action(self, store)?;
            store.conn.execute_batch("COMMIT")?;
            Ok(value)
        });
        if done.is_err() && !store.conn.is_autocommit() {
            store.conn.execute_batch("ROLLBACK")?;
        }
        store.conn.execute_batch("PRAGMA synchronous = FULL")?;
        done
    }
}

/// Turns all small rows into a segment for each bucket.
fn fold(store: &Store, now: i64) -> rusqlite::Result<()> {
    let conn = &store.conn;
    let mut buckets: BTreeMap<i64, Vec<Entry>> = BTreeMap::new();
    let mut newest = 0;
    {
        let mut statement = conn.prepare_cached("SELECT id, bucket, ids FROM onceward_small ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            newest = row.get(0)?;
            buckets.entry(row.get(1)?).or_default().extend(entry::entries(row.get_ref(2)?.as_blob()?));
        }
    }
    for (bucket, mut marks) in buckets {
        marks.sort_by_key(|&(id, _)| id);
        marks.dedup_by_key(|entry| entry.0);
        write_segment(conn, &marks, bucket, Some(newest), now)?;
    }
    conn.prepare_cached("DELETE FROM onceward_small WHERE id <= ?1")?.execute([newest])?;
    schema::reshape(conn)
}

fn expire(store: &Store, until: i64) -> rusqlite::Result<()> {
    let conn = &store.conn;
    conn.prepare_cached("UPDATE onceward_segment SET state = ?1 WHERE state = ?2 AND bucket <= ?3")?.execute((DEAD, LIVE, until))?;
    conn.prepare_cached("DELETE FROM onceward_small WHERE bucket <= ?1")?.execute([until])?;
    schema::reshape(conn)
}

/// Deletes some chunks of a dead segment; answers whether there may be more.
fn purge(store: &Store) -> rusqlite::Result<bool> {
    let conn = &store.conn;
    let mut find = conn.prepare_cached("SELECT id, chunks FROM onceward_segment WHERE state = ?1 ORDER BY id LIMIT 1")?;
    let mut rows = find.query([DEAD])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let (id, chunks): (i64, i64) = (row.get(0)?, row.get(1)?);
    drop(rows);
    let deleted = conn
        .prepare_cached(
            "DELETE FROM onceward_chunk WHERE id IN (SELECT id FROM onceward_chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3)",
        )?
        .execute((id.saturating_add(1), id.saturating_add(chunks), PURGE_CHUNKS))?;
    if i64::try_from(deleted).unwrap_or(0) < PURGE_CHUNKS {
        conn.prepare_cached("DELETE FROM onceward_segment WHERE id = ?1 AND state = ?2")?.execute((id, DEAD))?;
    }
    Ok(true)
}
