//! Housekeeping between groups, in steps of a few milliseconds, so that no mark waits for it noticeably.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::fault::classify;
use super::finder::{Finder, Segment};
use super::group::Items;
use super::merge::{Merge, Step};
use super::open::Store;
use super::schema::{self, BUILDING, DEAD, LIVE};
use super::shared::News;
use super::writer::{Gone, Writer};

/// Small rows are folded at so many ids, or so many rows. They wait in memory, 21 bytes for an id.
const FOLD_IDS: u64 = 262_144;
const FOLD_ROWS: usize = 4_096;
/// Segments of like size are merged by so many, or by fewer when the result would otherwise be larger than this. Each mark is written
/// again once per level, so few levels: a folded segment, sixteen of them, no more.
const FAN_IN: usize = 16;
const LARGEST: u64 = 6_000_000;
/// Merging fewer than this gains too little.
const FEWEST: usize = 3;
/// From so many segments on, merging no longer waits for a quiet moment.
const MANY: usize = 64;
const PURGE_CHUNKS: i64 = 256;
const LOOK_MS: i64 = 1_000;
/// A merge that somebody began so long ago and never ended died with its process.
const STALE_MS: i64 = 3_600_000;

/// What housekeeping is under way. Small rows must not pile up behind a long merge, so folding is apart from it and goes first.
#[derive(Default)]
pub(super) struct Compactor {
    fold: Option<Merge>,
    merge: Option<Merge>,
    purge: bool,
    looked_ms: i64,
}

impl Compactor {
    /// Whether there is something to do.
    pub(super) fn pending(&self, finder: &Finder) -> bool {
        self.merge.is_some() || self.purge || self.fold_due(finder) || candidates(finder.segments()).is_some()
    }

    /// Whether it can't wait until nothing is queued: lists would grow, and the file with what is dead.
    pub(super) fn urgent(&self, finder: &Finder) -> bool {
        self.purge || self.fold_due(finder) || (finder.segments().len() >= MANY && self.pending(finder))
    }

    fn fold_due(&self, finder: &Finder) -> bool {
        self.fold.is_some() || finder.small().len() >= FOLD_ROWS || finder.small_ids() >= FOLD_IDS
    }
}

/// Segments of one bucket and like size that are worth merging, if there are.
fn candidates(segments: &[Segment]) -> Option<Vec<Segment>> {
    if segments.len() < FEWEST {
        return None;
    }
    let mut tiers: BTreeMap<(i64, u32), (u64, Vec<&Segment>)> = BTreeMap::new();
    for segment in segments {
        let (count, alike) = tiers.entry((segment.bucket, segment.count.max(1).ilog2() / 3)).or_default();
        let full = count.saturating_add(segment.count) > LARGEST;
        if !full {
            *count = count.saturating_add(segment.count);
            alike.push(segment);
        }
        if alike.len() == FAN_IN || (full && alike.len() >= FEWEST) {
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
                writer.transaction(store, |_, store| purge(&store.conn)).map_err(|error| classify(&writer.path, &error))
            })?;
        }
        let now = self.time.look(self.settings.clock.as_ref());
        if let Some(fold) = self.compactor.fold.take() {
            self.compactor.fold = self.step(fold)?;
        } else if self.compactor.fold_due(&self.finder) {
            self.compactor.fold = self.insist(|writer, store| {
                let begun = writer.transaction(store, |writer, store| Merge::of_small(&store.conn, writer.finder.small(), now));
                begun.map_err(|error| classify(&writer.path, &error))
            })?;
        } else if let Some(merge) = self.compactor.merge.take() {
            self.compactor.merge = self.step(merge)?;
        } else if let Some(inputs) = candidates(self.finder.segments()) {
            let merge = self.insist(|writer, store| {
                let begun = writer.transaction(store, |_, store| Merge::of_segments(&store.conn, &inputs, now));
                begun.map_err(|error| classify(&writer.path, &error))
            })?;
            self.compactor.merge = Some(merge);
        }
        Ok(())
    }

    /// A step of a merge; answers it if it goes on.
    fn step(&mut self, mut merge: Merge) -> Result<Option<Merge>, Gone> {
        let step = self.insist(|writer, store| {
            let step = writer.transaction(store, |writer, store| merge.step(&store.conn, &mut writer.buffers.merging));
            step.map_err(|error| classify(&writer.path, &error))
        })?;
        match step {
            Step::Part { next, count } => {
                merge.advance(next, count);
                return Ok(Some(merge));
            }
            Step::Ended => {
                let rows = merge.publish(&self.shared, self.filter_budget());
                self.reshaped();
                self.buffers.folded.keep(rows);
            }
            // Another process merged or expired it. What was written is deleted like a dead segment.
            Step::GivenUp => self.compactor.purge = true,
        }
        Ok(None)
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
            self.decide(Items::NONE, true)?;
        }
        let Some(until) = self.time.expired_until(now) else { return Ok(()) };
        if self.finder.oldest().is_some_and(|oldest| oldest <= until) {
            self.insist(|writer, store| {
                writer.transaction(store, |_, store| expire(&store.conn, until)).map_err(|error| classify(&writer.path, &error))
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
        let Some(store) = &self.store else { return };
        for merge in [self.compactor.fold.take(), self.compactor.merge.take()].into_iter().flatten() {
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
        let begun = store.begin().and_then(|()| self.see(store));
        let done = begun.and_then(|()| {
            let value = action(self, store)?;
            store.commit()?;
            Ok(value)
        });
        if done.is_err() && !store.conn.is_autocommit() {
            store.conn.execute_batch("ROLLBACK")?;
        }
        store.conn.execute_batch("PRAGMA synchronous = FULL")?;
        done
    }
}

/// Everything in buckets that end at this moment or before stops counting.
pub(super) fn expire(conn: &Connection, until: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("UPDATE onceward_segment SET state = ?1 WHERE state = ?2 AND bucket <= ?3")?.execute((DEAD, LIVE, until))?;
    conn.prepare_cached("DELETE FROM onceward_small WHERE bucket <= ?1")?.execute([until])?;
    schema::reshape(conn)
}

/// Deletes some chunks of a dead segment; answers whether there may be more.
pub(super) fn purge(conn: &Connection) -> rusqlite::Result<bool> {
    let mut find = conn.prepare_cached(&format!("SELECT id, chunks FROM onceward_segment WHERE state = {DEAD} ORDER BY id LIMIT 1"))?;
    let mut rows = find.query([])?;
    let Some(row) = rows.next()? else { return Ok(false) };
    let (id, chunks): (i64, i64) = (row.get(0)?, row.get(1)?);
    drop(rows);
    let deleted = conn
        .prepare_cached(&format!(
            "DELETE FROM onceward_chunk WHERE id IN (SELECT id FROM onceward_chunk WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT {PURGE_CHUNKS})"
        ))?
        .execute((id.saturating_add(1), id.saturating_add(chunks)))?;
    if i64::try_from(deleted).unwrap_or(0) < PURGE_CHUNKS {
        conn.prepare_cached("DELETE FROM onceward_segment WHERE id = ?1 AND state = ?2")?.execute((id, DEAD))?;
    }
    Ok(true)
}
