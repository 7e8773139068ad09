//! The thread that writes: takes everything queued, decides it in one transaction, says what became of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, never, select};
use onceward_engine::{MarkResult, PartitionId};

use super::compact::Compactor;
use super::entry::Entry;
use super::fault::{Busy, Fault, classify};
use super::finder::Finder;
use super::foreign::{Arriving, Foreign};
use super::group::{Items, Verdict};
use super::open::{self, Store};
use super::outgoing::{Outgoing, WATCH};
use super::positions::{self, Kept};
use super::settings::SqliteSettings;
use super::shared::{Ask, Await, Batch, News, Shared, WRITING};
use super::small::Folded;
use crate::inbox::clock::BucketTime;
use crate::inbox::{Identity, InboxError, InboxFact, Marked};

/// A group that reaches this many marks becomes a segment, so there is no point in waiting for more.
const ENOUGH: usize = 1_024;
/// Fewer than this: nobody else is coming soon, so the group goes at once.
const FEW: usize = 32;
/// A gap in arrivals that ends the wait: perhaps everybody waits for these very marks.
const QUIET: Duration = Duration::from_micros(300);
/// A gap long enough for a step of housekeeping that can wait: marks that come one by one do not each wait for one.
const CALM: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_secs(1);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The writer has to stop: the store is broken, or closing took too long.
pub(super) struct Gone;

/// Room that every group needs again.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) verdicts: Vec<Verdict>,
    pub(super) marks: Vec<Entry>,
    /// The bytes that a step of a merge reads.
    pub(super) merging: Vec<u8>,
    pub(super) folded: Folded,
}

/// The writer's state.
pub(super) struct Writer {
    pub(super) settings: SqliteSettings,
    pub(super) path: String,
    pub(super) instance: String,
    pub(super) shared: Arc<Shared>,
    pub(super) store: Option<Store>,
    pub(super) finder: Finder,
    pub(super) positions: HashMap<PartitionId, Kept>,
    pub(super) time: BucketTime,
    pub(super) bucket: i64,
    /// After a lost connection nobody knows whether the last commit happened: every id is looked up before it is written again.
    pub(super) check_all: bool,
    pub(super) foreign: Foreign,
    pub(super) buffers: Buffers,
    pub(super) compactor: Compactor,
    pub(super) outgoing: Outgoing,
    pub(super) stop: Receiver<()>,
    pub(super) asks: Sender<Vec<Ask>>,
}

impl Writer {
    /// Runs until the driver's side hangs up. Answers whether everything was written.
    pub(super) fn run(mut self, batches: &Receiver<Batch>) -> bool {
        self.serve(batches).is_ok()
    }

    fn serve(&mut self, batches: &Receiver<Batch>) -> Result<(), Gone> {
        let finished = self.outgoing.outlet().map_or_else(never, |outlet| outlet.finished().clone());
        loop {
            let wait = match () {
                () if self.outgoing.waits() || self.compactor.pending(&self.finder) => CALM,
                () if self.outgoing.relays() => WATCH,
                () => IDLE,
            };
            let next = select! {
                recv(batches) -> next => next.map_err(|_| RecvTimeoutError::Disconnected),
                recv(finished) -> row => {
                    // Deleted with the next group, or when nothing else is to be done.
                    self.outgoing.finish(row.ok());
                    Ok(Batch::default())
                }
                default(wait) => Err(RecvTimeoutError::Timeout),
            };
            match next {
                Ok(first) => {
                    let group = self.gather(first, batches);
                    if group.iter().any(|batch| batch.publishes) {
                        self.outgoing.give_way();
                    }
                    self.process(group)?;
                    self.keep_time()?;
                    self.relay()?;
                    if self.compactor.urgent(&self.finder) {
                        self.compact()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.keep_time()?;
                    if self.outgoing.waits() {
                        self.decide(Items::NONE, true)?;
                    }
                    self.watch()?;
                    self.relay()?;
                    self.compact()?;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.decide(Items::NONE, true)?;
        self.relay_rest()?;
        self.give_up_merge();
        // Failing to checkpoint loses nothing: the next open does it.
        if let Some(store) = &self.store {
            drop(store.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
        }
        Ok(())
    }

    fn gather(&self, first: Batch, batches: &Receiver<Batch>) -> Vec<Batch> {
        let began = Instant::now();
        let mut count = first.marks.len();
        let mut group = vec![first];
        while count < self.settings.group_size {
            let next = match batches.try_recv() {
                Ok(next) => Some(next),
                Err(TryRecvError::Empty) if (FEW..ENOUGH).contains(&count) && began.elapsed() < self.settings.group_wait => {
                    batches.recv_timeout(QUIET).ok()
                }
                Err(_) => None,
            };
            let Some(next) = next else { break };
            count = count.saturating_add(next.marks.len());
            group.push(next);
        }
        group
    }

    fn process(&mut self, mut group: Vec<Batch>) -> Result<(), Gone> {
        let (mut arrivals, mut awaits) = (Vec::new(), Vec::new());
        for batch in &mut group {
            for (partition, epoch, next) in batch.committed.drain(..) {
                if let Some(kept) = self.positions.get_mut(&partition)
                    && kept.epoch == epoch
                    && kept.position.committed != Some(next)
                {
                    kept.position.commit(next);
                    kept.dirty = true;
                }
            }
            arrivals.append(&mut batch.arrivals);
            awaits.append(&mut batch.awaits);
            self.outgoing.post(&mut batch.posts);
        }
        let items = Items::Batches(&group);
        if !items.is_empty() || self.outgoing.posted() {
            let verdicts = self.decide(items, false)?;
            if !items.is_empty() {
                self.report(items, verdicts);
            }
        }
        group.into_iter().for_each(|batch| self.shared.spared(batch.marks));
        if !arrivals.is_empty() && self.positions.values().any(|kept| kept.dirty) {
            // Loading would forget what no transaction has carried yet.
            self.decide(Items::NONE, true)?;
        }
        for arrival in arrivals {
            let group = self.settings.group.clone();
            let (kept, recreated) = self.insist(|writer, store| {
                let loaded = store.conn.execute_batch("BEGIN").and_then(|()| {
                    writer.see(store)?;
                    positions::load(&store.conn, &group, &arrival.name, arrival.epoch)
                });
                drop(store.conn.execute_batch("COMMIT"));
                loaded.map_err(|error| classify(&writer.path, &error))
            })?;
            let (partition, epoch, position) = (arrival.partition, arrival.epoch, kept.position.clone());
            let remembered = position.committed;
            self.shared.tell(News::Position { partition, epoch, position });
            self.positions.insert(partition, kept);
            self.shared.say(InboxFact::CaughtUp { partition, epoch, remembered, recreated });
        }
        self.answer(awaits);
        Ok(())
    }

    fn report(&mut self, items: Items<'_>, mut verdicts: Vec<Verdict>) {
        let fatal = self.settings.fatal_constraints;
        let (mut count, mut last) = (0, 0);
        let mut results = Vec::with_capacity(verdicts.len());
        for (item, verdict) in items.iter().zip(verdicts.drain(..)) {
            let queued = item.queued;
            if !matches!(verdict, Verdict::Write) {
                self.shared.tell(News::Unmarked { identity: queued.mark.identity, number: queued.number });
            }
            let (result, error) = match verdict {
                Verdict::Write => (MarkResult::Durable, None),
                Verdict::Dropped => (MarkResult::Dropped, None),
                Verdict::Duplicate(digest) => (MarkResult::Duplicate { digest }, None),
                Verdict::RolledBack => (MarkResult::RolledBack, None),
                Verdict::Failed(failure) => (MarkResult::EffectFailed { fatal: fatal && failure.constraint }, Some(failure.text)),
            };
            results.push(Marked { delivery: queued.mark.delivery, result, error });
            (count, last) = (count + 1, queued.number);
        }
        self.buffers.verdicts = verdicts;
        // Before the fact: who hears it and looks an id up must find it decided.
        self.shared.set_durable(last);
        self.shared.counters.undecided.fetch_sub(count, Ordering::Relaxed);
        self.shared.say(InboxFact::Marked(results));
    }

    /// Look-ups that waited for marks. Coordinates are known here; ids are in the file now, or not.
    fn answer(&self, awaits: Vec<Await>) {
        let (mut asks, mut answers) = (Vec::new(), Vec::new());
        for Await { delivery, identity, digest } in awaits {
            match identity {
                Identity::Event(id) => asks.push(Ask { delivery, id: id.0 }),
                Identity::Coordinates { partition, offset } => {
                    let held = self.positions.get(&partition).is_some_and(|kept| kept.position.holds(offset));
                    answers.push((delivery, held.then_some(digest)));
                }
            }
        }
        if !answers.is_empty() {
            self.shared.say(InboxFact::LookedUp(answers));
        }
        if !asks.is_empty() {
            // The reader ends after the writer.
            drop(self.asks.send(asks));
        }
    }

    /// Does something with the store, however long it takes: busy means again, down means report, reopen and again.
    pub(super) fn insist<T>(&mut self, mut action: impl FnMut(&mut Self, &mut Store) -> Result<T, Fault>) -> Result<T, Gone> {
        let mut backoff = BACKOFF.0;
        let mut busy = Busy::default();
        loop {
            let began = Instant::now();
            let taken = self.store.take().map_or_else(|| open::again(&self.settings, &self.instance), Ok);
            let outcome = match taken {
                Ok(mut store) => {
                    let outcome = action(self, &mut store);
                    if !store.conn.is_autocommit() {
                        drop(store.conn.execute_batch("ROLLBACK"));
                    }
                    if matches!(outcome, Ok(_) | Err(Fault::Busy)) {
                        self.store = Some(store);
                    }
                    outcome
                }
                Err(rusqlite::Error::InvalidQuery) => Err(Fault::Broken(InboxError::Store {
                    path: self.path.clone(),
                    detail: "another inbox was put in its place while it was in use; start again".to_owned(),
                })),
                Err(error) => Err(classify(&self.path, &error)),
            };
            match outcome {
                Ok(value) => {
                    self.shared.up(WRITING);
                    return Ok(value);
                }
                Err(Fault::Busy) => {
                    if let Some(why) = busy.again(&self.path, began) {
                        self.shared.down(WRITING, why);
                    }
                    if self.stopped_within(Duration::ZERO) {
                        return Err(Gone);
                    }
                }
                Err(Fault::Down(why)) => {
                    busy.over();
                    tracing::warn!(inbox = %self.path, %why, "the inbox can't write");
                    self.shared.down(WRITING, why);
                    self.check_all = true;
                    if self.stopped_within(backoff) {
                        return Err(Gone);
                    }
                    backoff = backoff.saturating_mul(2).min(BACKOFF.1);
                }
                Err(Fault::Broken(error)) => {
                    self.shared.say(InboxFact::Broken(error));
                    return Err(Gone);
                }
            }
        }
    }

    fn stopped_within(&self, wait: Duration) -> bool {
        !matches!(self.stop.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }

    /// Sees what other processes committed, inside a transaction.
    pub(super) fn see(&mut self, store: &mut Store) -> rusqlite::Result<()> {
        let version: i64 = store.conn.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        if store.seen == Some(version) && !self.finder.is_stale() {
            return Ok(());
        }
        let mut arriving = Arriving::new(&self.shared, &mut self.foreign);
        self.finder.refresh(&store.conn, &self.shared, Some(&mut arriving))?;
        arriving.hand_over();
        for kept in self.positions.values_mut() {
            kept.refresh(&store.conn, &self.settings.group)?;
        }
        store.seen = Some(version);
        Ok(())
    }

    pub(super) fn count(&self) {
        let counters = &self.shared.counters;
        counters.marks.store(self.finder.marks(), Ordering::Relaxed);
        counters.segments.store(self.finder.segments().len() as u64, Ordering::Relaxed);
        counters.small_bytes.store(self.finder.small_bytes(), Ordering::Relaxed);
    }
}
