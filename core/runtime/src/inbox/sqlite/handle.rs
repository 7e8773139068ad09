//! The driver's side: answers from memory, collects the rest until the next flush.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use onceward_engine::{DeliveryId, Digest, Epoch, Offset, PartitionId};

use super::alarm::Alarm;
use super::compact::Compactor;
use super::entry::Entry;
use super::fault::at_open;
use super::finder::{Finder, Newcomers};
use super::foreign::Foreign;
use super::open;
use super::outgoing::Outgoing;
use super::query::Readers;
use super::reader::Reader;
use super::schema;
use super::settings::SqliteSettings;
use super::shared::{Arrival, Ask, Await, Batch, News, QueuedMark, Shared};
use super::writer::{Buffers, Writer};
use crate::inbox::clock::BucketTime;
use crate::inbox::filter::Generations;
use crate::inbox::fresh::Fresh;
use crate::inbox::place::{Held, Place};
use crate::inbox::recent::{IdHasher, Recent, RecentMark};
use crate::inbox::{Identity, Inbox, InboxError, InboxSink, InboxStats, LookUp, Mark, PartitionName, Queries};
use crate::outbox::{Door, Outlet};

/// Ids kept exactly, with their digests, and about what that takes.
const RECENT: usize = 65_536;
const RECENT_BYTES: u64 = 5 << 20;

/// Of the memory for filters, a third goes to those of single segments.
pub(super) fn segment_budget(settings: &SqliteSettings) -> u64 {
    settings.filter_bytes / 3
}

/// An inbox in an SQLite file.
pub struct SqliteInbox {
    path: String,
    shared: Arc<Shared>,
    filter: Generations,
    recent: Recent,
    fresh: Fresh,
    places: hashbrown::HashMap<PartitionId, Place, BuildHasherDefault<IdHasher>>,
    bucket: i64,
    stamp: u64,
    number: u64,
    batch: Batch,
    asked: Vec<Ask>,
    /// Held here alone: dropping it ends the writer.
    writer: Option<Arc<Sender<Batch>>>,
    reader: Option<Sender<Vec<Ask>>>,
    stop: Option<Sender<()>>,
    closed: Receiver<bool>,
    queries: Queries,
}

impl SqliteInbox {
    /// Opens the file, runs `setup_sql`, loads the filter and starts the two threads.
    ///
    /// # Errors
    /// [`InboxError`] names what is wrong with the file or its place, and the cure.
    pub fn open(settings: SqliteSettings, sink: InboxSink) -> Result<Self, InboxError> {
        Self::open_with(settings, sink, None)
    }

    /// The same, with a relay for what handlers publish; without one it stays in the file.
    ///
    /// # Errors
    /// As [`SqliteInbox::open`].
    pub fn open_with(settings: SqliteSettings, sink: InboxSink, outlet: Option<Outlet>) -> Result<Self, InboxError> {
        let path = settings.path.display().to_string();
        let said = |error: &rusqlite::Error| at_open(&path, error);
        let (mut store, instance) = open::first(&settings)?;
        let shared = Arc::new(Shared::new(sink));
        let remembered = schema::number(&store.conn, "time").map_err(|error| said(&error))?;
        let mut time = BucketTime::start(settings.clock.as_ref(), settings.retention, remembered);
        let now = time.look(settings.clock.as_ref());
        let bucket = time.bucket(now);
        let budget = segment_budget(&settings);
        let mut finder = Finder::new(budget);
        let mut filter = Generations::new(settings.filter_bytes.saturating_sub(budget).saturating_sub(RECENT_BYTES));
        store.seen = load(&store, &mut finder, &shared, &mut filter).map_err(|error| said(&error))?;
        let (stop, stopped) = bounded(0);
        let (to_writer, batches) = unbounded();
        let (to_reader, asks) = unbounded();
        let (closing, closed) = bounded(1);
        let queries = Readers::queries(settings.clone(), instance.clone());
        let reader = Reader {
            settings: settings.clone(),
            path: path.clone(),
            instance: instance.clone(),
            shared: Arc::clone(&shared),
            store: None,
            finder: Finder::new(budget),
            stop: stopped.clone(),
        };
        let mut writer = Writer {
            path: path.clone(),
            instance,
            shared: Arc::clone(&shared),
            store: None,
            finder,
            positions: HashMap::new(),
            time,
            bucket: 0,
            check_all: false,
            buffers: Buffers::default(),
            foreign: Foreign::new(settings.foreign_ids),
            compactor: Compactor::default(),
            outgoing: Outgoing::new(&settings, outlet),
            stop: stopped,
            asks: to_reader.clone(),
            settings,
        };
        writer.clean_up(&store, now).map_err(|error| said(&error))?;
        writer.store = Some(store);
        writer.count();
        let start = |error: std::io::Error| InboxError::Store { path: path.clone(), detail: format!("can't start a thread: {error}") };
        let alarm = |thread| Alarm { shared: Arc::clone(&shared), path: path.clone(), thread };
        let (reading, writing) = (alarm("thread that reads"), alarm("thread that writes"));
        thread::Builder::new()
            .name("onceward-inbox-read".to_owned())
            .spawn(move || {
                let _alarm = reading;
                reader.run(&asks);
            })
            .map_err(start)?;
        thread::Builder::new()
            .name("onceward-inbox-write".to_owned())
            .spawn(move || {
                let _alarm = writing;
                // Nobody listens any more when closing has given up.
                closing.send(writer.run(&batches)).unwrap_or_default();
            })
            .map_err(start)?;
        Ok(Self {
            path,
            shared,
            filter,
            recent: Recent::new(RECENT),
            fresh: Fresh::default(),
            places: hashbrown::HashMap::default(),
            bucket,
            stamp: 0,
            number: 0,
            batch: Batch::default(),
            asked: Vec::new(),
            writer: Some(Arc::new(to_writer)),
            reader: Some(to_reader),
            stop: Some(stop),
            closed,
            queries,
        })
    }

    /// Forgets what was not flushed, as the death of the process would.
    pub(crate) fn forget_queued(&mut self) {
        self.batch = Batch::default();
        self.asked.clear();
    }

    /// Takes in what the writer told; answers the number up to which marks are decided. The number is read first: see [`Shared::durable`].
    fn sync(&mut self) -> u64 {
        let durable = self.shared.durable();
        let Some((stamp, news)) = self.shared.take_news() else { return durable };
        for item in news {
            match item {
                News::Unmarked { identity: Identity::Event(id), number } => self.recent.remove(id.0, number),
                News::Unmarked { identity: Identity::Coordinates { partition, offset }, number } => {
                    if let Some(place) = self.places.get_mut(&partition) {
                        place.unmark(offset, number);
                    }
                }
                News::Marked { bucket, ids } => {
                    for id in ids {
                        self.filter.insert(bucket, id);
                    }
                }
                News::Bucket(bucket) => self.bucket = self.bucket.max(bucket),
                News::Expired { until } => {
                    self.filter.expire(until);
                    // Everything in the recent set stays in the filter, which is asked first.
                    for id in self.recent.clear_durable(durable) {
                        self.filter.insert(self.bucket, id);
                    }
                }
                News::Position { partition, epoch, position } => {
                    self.places.insert(partition, Place::loaded(epoch, position));
                }
            }
        }
        self.stamp = stamp;
        durable
    }

    /// What the batch was queued against is what was known when its first mark came.
    fn open_batch(&mut self) {
        if self.batch.is_empty() {
            self.batch.stamp = self.stamp;
            self.batch.bucket = self.bucket;
        }
    }

    fn wait(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        self.open_batch();
        self.batch.awaits.push(Await { delivery, identity, digest });
        LookUp::Pending
    }
}

/// Reads every id in the file into the filters.
fn load(store: &open::Store, finder: &mut Finder, shared: &Shared, filter: &mut Generations) -> rusqlite::Result<Option<i64>> {
    store.conn.execute_batch("BEGIN")?;
    finder.refresh(&store.conn, shared, Some(&mut Loading { filter }))?;
    let version = store.conn.query_row("PRAGMA data_version", [], |row| row.get(0))?;
    store.conn.execute_batch("COMMIT")?;
    Ok(Some(version))
}

struct Loading<'a> {
    filter: &'a mut Generations,
}

impl Newcomers for Loading<'_> {
    fn expect(&mut self, bucket: i64, count: u64) {
        self.filter.reserve(bucket, count);
    }

    fn meet(&mut self, bucket: i64, entry: Entry) {
        self.filter.insert(bucket, entry.0);
    }
}

impl Inbox for SqliteInbox {
    fn catch_up(&mut self, partition: PartitionId, epoch: Epoch, name: &PartitionName) {
        self.open_batch();
        self.batch.arrivals.push(Arrival { partition, epoch, name: name.clone() });
    }

    fn look_up(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        let durable = self.sync();
        match identity {
            Identity::Event(id) if !self.filter.contains(id.0) => {
                self.fresh.put(delivery, id.0, self.filter.version());
                LookUp::NotSeen
            }
            Identity::Event(id) => match self.recent.get(id.0) {
                Some(mark) if mark.number <= durable => LookUp::Seen(mark.digest),
                Some(_) => self.wait(delivery, identity, digest),
                None => {
                    self.asked.push(Ask { delivery, id: id.0 });
                    LookUp::Pending
                }
            },
            Identity::Coordinates { partition, offset } => match self.places.get(&partition).map(|place| place.holds(offset, durable)) {
                Some(Held::No) => LookUp::NotSeen,
                Some(Held::Yes) => LookUp::Seen(digest),
                Some(Held::Queued) | None => self.wait(delivery, identity, digest),
            },
        }
    }

    fn mark(&mut self, mark: Mark) {
        let durable = self.sync();
        self.open_batch();
        self.number = self.number.saturating_add(1);
        let number = self.number;
        let check = match mark.identity {
            Identity::Event(id) => {
                let fresh = self.fresh.is(mark.delivery, id.0, self.filter.version());
                let contained = !fresh && self.filter.contains(id.0);
                let claimed = self.filter.insert(self.bucket, id.0);
                self.recent.insert(id.0, RecentMark { digest: mark.digest, number }, durable);
                // Looked up and not found, and since then ids were only added to the link that has just taken this one. If this
                // insertion itself went elsewhere, nobody knows.
                contained || (fresh && (claimed || !self.fresh.is(mark.delivery, id.0, self.filter.version())))
            }
            Identity::Coordinates { partition, offset } => self.places.get_mut(&partition).is_none_or(|place| {
                let known = place.holds(offset, durable) != Held::No;
                place.mark(offset, number, durable);
                known
            }),
        };
        self.batch.checks += usize::from(check);
        self.batch.effects |= !mark.statements.is_empty();
        self.batch.publishes |= mark.publishes.is_some();
        self.batch.marks.push(QueuedMark { mark, number, check });
    }

    fn committed(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) {
        self.open_batch();
        if let Some(place) = self.places.get_mut(&partition)
            && place.epoch == epoch
        {
            place.commit(next);
        }
        self.batch.committed.push((partition, epoch, next));
    }

    fn release(&mut self, partition: PartitionId, epoch: Epoch) {
        self.shared.release(partition, epoch);
    }

    fn flush(&mut self) {
        self.sync();
        if !self.batch.is_empty()
            && let Some(writer) = &self.writer
        {
            self.shared.counters.undecided.fetch_add(self.batch.marks.len() as u64, Ordering::Relaxed);
            let next = Batch { marks: self.shared.spare(), ..Batch::default() };
            // A writer that is gone has reported why.
            drop(writer.send(std::mem::replace(&mut self.batch, next)));
        }
        if !self.asked.is_empty()
            && let Some(reader) = &self.reader
        {
            // So has a reader.
            drop(reader.send(std::mem::take(&mut self.asked)));
        }
    }

    fn keeps_effects(&self) -> bool {
        true
    }

    fn queries(&self) -> Option<Queries> {
        Some(self.queries.clone())
    }

    fn outbox(&self) -> Option<Door> {
        let writer = Arc::downgrade(self.writer.as_ref()?);
        Some(Door::new(move |post| {
            if let Some(writer) = writer.upgrade() {
                // A writer that is gone drops the post, which tells whoever waits.
                drop(writer.send(Batch { posts: vec![post], ..Batch::default() }));
            }
        }))
    }

    fn stats(&self) -> InboxStats {
        let counters = &self.shared.counters;
        InboxStats {
            marks: counters.marks.load(Ordering::Relaxed),
            segments: counters.segments.load(Ordering::Relaxed),
            memory_bytes: [self.shared.filter_bytes(), self.recent.bytes(), counters.small_bytes.load(Ordering::Relaxed)]
                .into_iter()
                .fold(self.filter.bytes(), u64::saturating_add),
            commits: counters.commits.load(Ordering::Relaxed),
            reads: counters.reads.load(Ordering::Relaxed),
            commit_micros: counters.commit_micros.load(Ordering::Relaxed),
            expiry_suspended: counters.suspended.load(Ordering::Relaxed),
            outbox_pending: counters.outbox_pending.load(Ordering::Relaxed),
            outbox_oldest_ms: counters.outbox_oldest.load(Ordering::Relaxed),
        }
    }

    fn close(&mut self, deadline: Duration) -> Result<(), InboxError> {
        self.flush();
        let began = Instant::now();
        let Some(writer) = self.writer.take() else { return Ok(()) };
        // Some of the time is left for the last transaction.
        self.shared.relay_for(began + deadline.mul_f32(0.8));
        drop(writer);
        self.reader = None;
        let written = self.closed.recv_timeout(deadline.saturating_sub(began.elapsed())).unwrap_or(false);
        // Wakes a writer that waits for a disk: it gives up.
        self.stop = None;
        let left = self.shared.counters.undecided.load(Ordering::Relaxed);
        if written && left == 0 { Ok(()) } else { Err(InboxError::CloseTimedOut { path: self.path.clone(), left }) }
    }
}
