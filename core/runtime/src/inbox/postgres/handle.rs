//! The driver's side: answers from memory what this process marked itself, collects the rest until the next flush.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use onceward_engine::{DeliveryId, Digest, Epoch, Offset, PartitionId};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::connect::Server;
use super::open::open;
use super::query;
use super::reader::Reader;
use super::settings::PostgresSettings;
use super::shared::{Arrival, Ask, Await, Batch, News, QueuedMark, Shared};
use super::writer::Writer;
use crate::inbox::clock::BucketTime;
use crate::inbox::place::{Held, Place};
use crate::inbox::recent::{Recent, RecentMark};
use crate::inbox::{Identity, Inbox, InboxError, InboxFact, InboxSink, InboxStats, LookUp, Mark, PartitionName, Queries};

/// Ids kept exactly, with their digests.
const RECENT: usize = 65_536;
/// Connections that are not for queries.
const OURS: usize = 2;

/// An inbox in a Postgres database.
pub struct PostgresInbox {
    server: Arc<Server>,
    shared: Arc<Shared>,
    recent: Recent,
    places: HashMap<PartitionId, Place>,
    number: u64,
    batch: Batch,
    asked: Vec<Ask>,
    writer: Option<UnboundedSender<Batch>>,
    reader: Option<UnboundedSender<Vec<Ask>>>,
    stop: watch::Sender<bool>,
    closed: Receiver<bool>,
    queries: Queries,
}

impl PostgresInbox {
    /// Connects, makes our tables, runs `migrations` and `setup_sql`, and starts the two tasks.
    ///
    /// # Errors
    /// [`InboxError`] names what is wrong with the server or what it holds, and the cure. Never a password.
    pub fn open(settings: PostgresSettings, sink: InboxSink) -> Result<Self, InboxError> {
        let server = Server::new(&settings.address)?;
        let (opening, plan) = (Arc::clone(&server), settings.clone());
        let gone = || InboxError::Store { path: server.name.clone(), detail: "the thread that opens it ended".to_owned() };
        let opened = server.wait(async move { open(&opening, &plan).await }).ok_or_else(gone)??;
        let shared = Arc::new(Shared::new(sink));
        shared.counters.marks.store(opened.marks, Ordering::Relaxed);
        let (to_writer, mut batches) = unbounded_channel();
        let (to_reader, asks) = unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let (closing, closed) = bounded(1);
        let queries = query::queries(&server, settings.address.connections.saturating_sub(OURS).max(1));
        let reader = Reader {
            server: Arc::clone(&server),
            group: settings.group.clone(),
            shared: Arc::clone(&shared),
            stop: stopped.clone(),
            session: None,
        };
        let time = BucketTime::start_at(settings.clock.as_ref(), settings.retention, opened.now);
        let alarms = [Alarm(Arc::clone(&shared), server.name.clone()), Alarm(Arc::clone(&shared), server.name.clone())];
        let writer = Writer::new(settings, Arc::clone(&server), Arc::clone(&shared), opened.session, time, stopped, to_reader.clone());
        let [reading, writing] = alarms;
        server.spawn(async move {
            let _alarm = reading;
            reader.run(asks).await;
        });
        server.spawn(async move {
            let _alarm = writing;
            let written = writer.run(&mut batches).await;
            // Nobody listens any more when closing has given up.
            closing.send(written).unwrap_or_default();
        });
        Ok(Self {
            server,
            shared,
            recent: Recent::new(RECENT),
            places: HashMap::new(),
            number: 0,
            batch: Batch::default(),
            asked: Vec::new(),
            writer: Some(to_writer),
            reader: Some(to_reader),
            stop,
            closed,
            queries,
        })
    }

    /// Takes in what the writer told; answers the number up to which marks are decided. The number is read first: see [`Shared::durable`].
    fn sync(&mut self) -> u64 {
        let durable = self.shared.durable();
        for item in self.shared.take_news() {
            match item {
                News::Unmarked { identity: Identity::Event(id), number } => self.recent.remove(id.0, number),
                News::Unmarked { identity: Identity::Coordinates { partition, offset }, number } => {
                    if let Some(place) = self.places.get_mut(&partition) {
                        place.unmark(offset, number);
                    }
                }
                News::Expired => drop(self.recent.clear_durable(durable)),
                News::Position { partition, epoch, position } => {
                    self.places.insert(partition, Place::loaded(epoch, position));
                }
            }
        }
        durable
    }

    fn wait(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        self.batch.awaits.push(Await { delivery, identity, digest });
        LookUp::Pending
    }
}

impl Inbox for PostgresInbox {
    fn catch_up(&mut self, partition: PartitionId, epoch: Epoch, name: &PartitionName) {
        self.batch.arrivals.push(Arrival { partition, epoch, name: name.clone() });
    }

    fn look_up(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        let durable = self.sync();
        match identity {
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
        self.number = self.number.saturating_add(1);
        let number = self.number;
        match mark.identity {
            Identity::Event(id) => self.recent.insert(id.0, RecentMark { digest: mark.digest, number }, durable),
            Identity::Coordinates { partition, offset } => {
                if let Some(place) = self.places.get_mut(&partition) {
                    place.mark(offset, number, durable);
                }
            }
        }
        self.batch.marks.push(QueuedMark { mark, number });
    }

    fn committed(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) {
        if let Some(place) = self.places.get_mut(&partition)
            && place.epoch == epoch
        {
            place.commit(next);
        }
        self.batch.committed.push((partition, epoch, next));
    }

    fn release(&mut self, partition: PartitionId, epoch: Epoch) {
        self.shared.release(partition, epoch);
        self.batch.released.push((partition, epoch));
    }

    fn flush(&mut self) {
        self.sync();
        if !self.batch.is_empty()
            && let Some(writer) = &self.writer
        {
            self.shared.counters.undecided.fetch_add(self.batch.marks.len() as u64, Ordering::Relaxed);
            // A writer that is gone has reported why.
            drop(writer.send(std::mem::take(&mut self.batch)));
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

    fn stats(&self) -> InboxStats {
        let counters = &self.shared.counters;
        InboxStats {
            marks: counters.marks.load(Ordering::Relaxed),
            memory_bytes: self.recent.bytes(),
            commits: counters.commits.load(Ordering::Relaxed),
            reads: counters.reads.load(Ordering::Relaxed),
            commit_micros: counters.commit_micros.load(Ordering::Relaxed),
            expiry_suspended: counters.suspended.load(Ordering::Relaxed),
            ..InboxStats::default()
        }
    }

    fn close(&mut self, deadline: Duration) -> Result<(), InboxError> {
        self.flush();
        let began = Instant::now();
        if self.writer.take().is_none() {
            return Ok(());
        }
        self.reader = None;
        let written = self.closed.recv_timeout(deadline.saturating_sub(began.elapsed())).unwrap_or(false);
        // Wakes whoever waits for the server: it gives up.
        self.stop.send_replace(true);
        let left = self.shared.counters.undecided.load(Ordering::Relaxed);
        if written && left == 0 { Ok(()) } else { Err(InboxError::CloseTimedOut { path: self.server.name.clone(), left }) }
    }
}

impl Drop for PostgresInbox {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// A task of the store that panics is missed: without it nothing is ever answered, while the group sees a healthy member.
struct Alarm(Arc<Shared>, String);

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail = "a task panicked, which is a bug of Onceward: please report it with the log, and start again".to_owned();
            self.0.say(InboxFact::Broken(InboxError::Store { path: self.1.clone(), detail }));
        }
    }
}
