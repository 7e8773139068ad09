//! One transaction: marks, the effects that commit with them, and positions.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::atomic::Ordering;
use std::time::Instant;

use onceward_engine::{Digest, Epoch, PartitionId};
use rusqlite::{Connection, ErrorCode};

use super::effects::{self, Failure, Stopped};
use super::entry::{self, Entry};
use super::fault::{Fault, classify, words};
use super::foreign::Known;
use super::open::Store;
use super::schema::{self, LIVE};
use super::shared::{Batch, News, QueuedMark};
use super::small::Small;
use super::writer::{Gone, Writer};
use crate::inbox::Identity;
use crate::inbox::place::Position;
use crate::inbox::recent::IdHasher;

/// Groups of at least so many ids become a segment of their own. Below, folding many at once from memory writes less than merging
/// segments would, and reads nothing.
const SEGMENT_FROM: usize = 16_384;

/// A mark in a group.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) queued: &'a QueuedMark,
    /// Which flush it came with: a run is never split, and a failure rolls back later marks of its lane in the same flush.
    pub(super) flush: usize,
    pub(super) stamp: u64,
    pub(super) bucket: i64,
}

/// The marks of a transaction, where they are: a mark is large, so none is moved.
#[derive(Clone, Copy)]
pub(super) enum Items<'a> {
    Batches(&'a [Batch]),
    One(Item<'a>),
}

impl<'a> Items<'a> {
    pub(super) const NONE: Items<'static> = Items::Batches(&[]);

    fn batches(self) -> &'a [Batch] {
        match self {
            Self::Batches(batches) => batches,
            Self::One(_) => &[],
        }
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Item<'a>> {
        let one = if let Self::One(item) = self { Some(item) } else { None };
        let many = self.batches().iter().enumerate().flat_map(|(flush, batch)| {
            batch.marks.iter().map(move |queued| Item { queued, flush, stamp: batch.stamp, bucket: batch.bucket })
        });
        one.into_iter().chain(many)
    }

    fn len(self) -> usize {
        let one = usize::from(matches!(self, Self::One(_)));
        self.batches().iter().fold(one, |sum, batch| sum.saturating_add(batch.marks.len()))
    }

    /// Whether a batch is so. Alone, a mark has no batch.
    fn any_batch(self, so: impl Fn(&Batch) -> bool) -> bool {
        self.batches().iter().any(|batch| !batch.marks.is_empty() && so(batch))
    }

    /// Whether any of them publishes.
    pub(super) fn publishes(self) -> bool {
        self.any_batch(|batch| batch.publishes) || matches!(self, Self::One(item) if item.queued.mark.publishes.is_some())
    }

    pub(super) fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// What is to become of a mark.
pub(super) enum Verdict {
    Write,
    Dropped,
    Duplicate(Digest),
    Failed(Failure),
    RolledBack,
}

/// How a group is run: plainly first.
#[derive(Default)]
struct Plan {
    /// A statement failed: run event by event, each in a savepoint.
    savepoints: bool,
    /// These ended the whole transaction when they failed (`OR ROLLBACK`, `RAISE(ROLLBACK)`): they are not run again.
    condemned: HashMap<usize, Failure>,
}

/// How an attempt ended.
enum Ended {
    Decided(Vec<Verdict>),
    /// The plan changed: again.
    Replanned,
    /// The commit itself failed on a deferred constraint, which names no event.
    CommitRefused(Failure),
}

/// Which rows a group wrote.
enum Written {
    Nothing,
    Segment { id: i64, chunks: i64 },
    Small(Small),
}

impl Writer {
    /// Decides marks in one transaction; with `tidy`, positions that lag behind are written even if there are none.
    pub(super) fn decide(&mut self, items: Items<'_>, tidy: bool) -> Result<Vec<Verdict>, Gone> {
        let mut plan = Plan::default();
        loop {
            let began = Instant::now();
            let ended = self.insist(|writer, store| writer.attempt(store, items, tidy, &mut plan))?;
            match ended {
                Ended::Decided(verdicts) => {
                    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.shared.counters.commit_micros.fetch_add(micros, Ordering::Relaxed);
                    self.check_all = false;
                    self.count();
                    return Ok(verdicts);
                }
                Ended::Replanned => {}
                Ended::CommitRefused(failure) => return self.decide_singly(items, &failure),
            }
        }
    }

    /// A deferred constraint fails at the commit and does not say whose it is: one transaction for each event finds out.
    fn decide_singly(&mut self, items: Items<'_>, failure: &Failure) -> Result<Vec<Verdict>, Gone> {
        if items.len() <= 1 {
            return Ok(items.iter().map(|_| Verdict::Failed(failure.clone())).collect());
        }
        let mut verdicts = Vec::with_capacity(items.len());
        let mut failed = HashSet::new();
        for item in items.iter() {
            let lane = (item.flush, item.queued.mark.lane);
            if failed.contains(&lane) {
                verdicts.push(Verdict::RolledBack);
                continue;
            }
            let verdict = self.decide(Items::One(item), false)?;
            if verdict.iter().any(|verdict| matches!(verdict, Verdict::Failed(_))) {
                failed.insert(lane);
            }
            verdicts.extend(verdict);
        }
        Ok(verdicts)
    }

    fn attempt(&mut self, store: &mut Store, items: Items<'_>, tidy: bool, plan: &mut Plan) -> Result<Ended, Fault> {
        let path = self.path.clone();
        let fault = |error: &rusqlite::Error| classify(&path, error);
        let limit = self.settings.page_limit.load(Ordering::Relaxed);
        if limit > 0 {
            store.conn.pragma_update(None, "max_page_count", limit).map_err(|error| fault(&error))?;
        }
        // Before the transaction begins: a mark whose epoch is released while we write stands, and is harmless.
        let released = self.shared.released();
        store.begin().map_err(|error| fault(&error))?;
        self.see(store).map_err(|error| fault(&error))?;
        self.outgoing.see(store);
        let mut verdicts = self.sort_out(&store.conn, items, &released).map_err(|error| fault(&error))?;
        match run_effects(store, items, &mut verdicts, plan) {
            Ok(true) => {}
            Ok(false) => return Ok(Ended::Replanned),
            Err(error) => return Err(fault(&error)),
        }
        let mut marks = std::mem::take(&mut self.buffers.marks);
        marks.clear();
        let mut places: HashMap<PartitionId, Position> = HashMap::new();
        for (item, verdict) in items.iter().zip(&verdicts) {
            if !matches!(verdict, Verdict::Write) {
                continue;
            }
            match item.queued.mark.identity {
                Identity::Event(id) => marks.push((id.0, item.queued.mark.digest)),
                Identity::Coordinates { partition, offset } => {
                    if let Some(kept) = self.positions.get(&partition) {
                        places.entry(partition).or_insert_with(|| kept.position.clone()).handled.insert(offset.0);
                    }
                }
            }
        }
        let nothing = !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Write));
        if nothing && !self.outgoing.posted() && !(tidy && (self.outgoing.waits() || self.positions.values().any(|kept| kept.dirty))) {
            return Ok(Ended::Decided(verdicts));
        }
        for (&partition, kept) in self.positions.iter().filter(|(_, kept)| kept.dirty) {
            places.entry(partition).or_insert_with(|| kept.position.clone());
        }
        marks.sort_unstable_by_key(|&(id, _)| id);
        let now = self.time.look(self.settings.clock.as_ref());
        let bucket = self.time.bucket(now).max(self.bucket);
        let written = self.write(&store.conn, &marks, &places, bucket, now).map_err(|error| fault(&error))?;
        let sent = self.outgoing.write(&store.conn, &self.settings.group, items, &verdicts, now).map_err(|error| fault(&error))?;
        match store.commit() {
            Ok(()) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                let failure = Failure { constraint: true, text: format!("at the commit: {}", words(&error)) };
                return Ok(Ended::CommitRefused(failure));
            }
            Err(error) => return Err(fault(&error)),
        }
        self.committed(items, &marks, places, bucket, written);
        self.outgoing.committed(sent, &self.shared);
        self.buffers.marks = marks;
        Ok(Ended::Decided(verdicts))
    }

    /// Who is dropped, who was marked before.
    ///
    /// Only marks whose id the driver's side knew already (`check`) can be marked before, in the file or earlier in this group: its
    /// filter and its recent set hold every id that it queued, without a false negative, and it takes in the marks of others before
    /// `stamp`. Later ones are in `foreign`, or only in the file.
    fn sort_out(&mut self, conn: &Connection, items: Items<'_>, released: &HashMap<PartitionId, Epoch>) -> rusqlite::Result<Vec<Verdict>> {
        if let Some(first) = items.iter().next() {
            self.foreign.forget(first.stamp);
        }
        // By key, whether it is to be written already: the keys that may come twice, few or none.
        let mut twice: hashbrown::HashMap<(PartitionId, u128), bool, BuildHasherDefault<IdHasher>> = hashbrown::HashMap::default();
        if items.any_batch(|batch| batch.checks > 0) {
            twice.extend(items.iter().filter(|item| item.queued.check).map(|item| (key(item.queued.mark.identity), false)));
        }
        let mut verdicts = std::mem::take(&mut self.buffers.verdicts);
        verdicts.clear();
        for item in items.iter() {
            let mark = &item.queued.mark;
            let over = released.get(&mark.partition).is_some_and(|&over| mark.epoch <= over);
            let known = if over { None } else { self.known(conn, item)? };
            let unnamed = matches!(mark.identity, Identity::Coordinates { partition, .. } if !self.positions.contains_key(&partition));
            verdicts.push(match known {
                // Coordinates of a partition that never caught up have no row to go to.
                _ if over || unnamed => Verdict::Dropped,
                Some(digest) => Verdict::Duplicate(digest),
                None if twice.is_empty() => Verdict::Write,
                // Twice in one group: whether the first is written is not known yet, so the second is handled again later.
                None if twice.get_mut(&key(mark.identity)).is_some_and(|written| std::mem::replace(written, true)) => Verdict::RolledBack,
                None => Verdict::Write,
            });
        }
        Ok(verdicts)
    }

    /// The digest of a mark that is in the file already.
    fn known(&self, conn: &Connection, item: Item<'_>) -> rusqlite::Result<Option<Digest>> {
        let mark = &item.queued.mark;
        match mark.identity {
            Identity::Event(id) => match self.foreign.find(id.0, item.stamp) {
                Known::Marked(digest) => Ok(Some(digest)),
                Known::No if !item.queued.check && !self.check_all => Ok(None),
                Known::No | Known::Unsure => self.finder.find(conn, id.0),
            },
            Identity::Coordinates { partition, offset } => {
                let kept = self.positions.get(&partition);
                Ok(kept.is_some_and(|kept| kept.position.holds(offset)).then_some(mark.digest))
            }
        }
    }

    fn write(
        &mut self,
        conn: &Connection,
        marks: &[Entry],
        places: &HashMap<PartitionId, Position>,
        bucket: i64,
        now: i64,
    ) -> rusqlite::Result<Written> {
        for (partition, position) in places {
            if let Some(kept) = self.positions.get(partition) {
                kept.write(conn, &self.settings.group, position)?;
            }
        }
        if bucket != self.bucket {
            schema::set_number(conn, "time", now)?;
        }
        if marks.is_empty() {
            return Ok(Written::Nothing);
        }
        if marks.len() < SEGMENT_FROM {
            let id = schema::allocate(conn, 1)?;
            let mut row = self.buffers.folded.take();
            entry::encode(row.bytes_mut(), marks);
            row.ready(id, bucket);
            conn.prepare_cached("INSERT INTO onceward_small VALUES (?1, ?2, ?3)")?.execute((id, bucket, row.as_bytes()))?;
            return Ok(Written::Small(row));
        }
        let (id, chunks) = write_segment(conn, marks, bucket, now)?;
        Ok(Written::Segment { id, chunks })
    }

    fn committed(&mut self, items: Items<'_>, marks: &[Entry], places: HashMap<PartitionId, Position>, bucket: i64, written: Written) {
        match written {
            Written::Nothing => {}
            Written::Small(row) => self.finder.add_small(&self.shared, row),
            Written::Segment { id, chunks } => self.finder.add_segment(&self.shared, id, bucket, chunks, marks),
        }
        for (partition, position) in places {
            if let Some(kept) = self.positions.get_mut(&partition) {
                kept.written(position);
            }
        }
        if bucket != self.bucket {
            self.bucket = bucket;
            self.shared.tell(News::Bucket(bucket));
        }
        if items.any_batch(|batch| batch.bucket != bucket) || matches!(items, Items::One(item) if item.bucket != bucket) {
            self.shared.tell(News::Marked { bucket, ids: marks.iter().map(|&(id, _)| id).collect() });
        }
        self.shared.counters.commits.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes sorted marks as a live segment; answers its number and how many chunks it has.
fn write_segment(conn: &Connection, marks: &[Entry], bucket: i64, now: i64) -> rusqlite::Result<(i64, i64)> {
    let chunks = entry::chunks_for(marks.len() as u64);
    let id = schema::allocate(conn, chunks.saturating_add(1))?;
    let count = i64::try_from(marks.len()).unwrap_or(i64::MAX);
    conn.prepare_cached("INSERT INTO onceward_segment VALUES (?1, ?2, ?3, ?4, ?1, ?5, ?6)")?
        .execute((id, bucket, count, chunks, LIVE, now))?;
    entry::write_chunks(conn, id, chunks, marks)?;
    Ok((id, chunks))
}

/// What a mark is known by, among those of a group.
fn key(identity: Identity) -> (PartitionId, u128) {
    match identity {
        Identity::Event(id) => (PartitionId(u32::MAX), id.0),
        Identity::Coordinates { partition, offset } => (partition, u128::from(offset.0.cast_unsigned())),
    }
}

/// Runs the statements of those who are to be written. `false`: the plan changed, and the transaction must begin again.
fn run_effects(store: &Store, items: Items<'_>, verdicts: &mut [Verdict], plan: &mut Plan) -> rusqlite::Result<bool> {
    if !items.any_batch(|batch| batch.effects) && matches!(items, Items::Batches(_)) {
        return Ok(true);
    }
    let mut failed: HashSet<(usize, u128)> = HashSet::new();
    for (index, (item, verdict)) in items.iter().zip(verdicts.iter_mut()).enumerate() {
        let mark = &item.queued.mark;
        let lane = (item.flush, mark.lane);
        if !matches!(verdict, Verdict::Write) || (mark.statements.is_empty() && !plan.savepoints) {
            continue;
        }
        if failed.contains(&lane) {
            *verdict = Verdict::RolledBack;
            continue;
        }
        if let Some(failure) = plan.condemned.get(&index) {
            *verdict = Verdict::Failed(failure.clone());
            failed.insert(lane);
            continue;
        }
        if mark.statements.is_empty() {
            continue;
        }
        if plan.savepoints {
            store.conn.execute_batch("SAVEPOINT onceward_event")?;
        }
        let failure = match effects::run(&store.conn, &store.guard, &mark.statements) {
            Ok(()) if plan.savepoints => {
                store.conn.execute_batch("RELEASE onceward_event")?;
                continue;
            }
            Ok(()) => continue,
            Err(Stopped::Store(error)) => return Err(error),
            Err(Stopped::Event(failure)) => failure,
        };
        if !plan.savepoints {
            plan.savepoints = true;
            return Ok(false);
        }
        if store.conn.is_autocommit() {
            plan.condemned.insert(index, failure);
            return Ok(false);
        }
        store.conn.execute_batch("ROLLBACK TO onceward_event; RELEASE onceward_event")?;
        *verdict = Verdict::Failed(failure);
        failed.insert(lane);
    }
    Ok(true)
}
