//! What the driver's side and the store's threads share. The hot path reads two atomics and takes no lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use onceward_engine::{DeliveryId, Digest, Epoch, Offset, PartitionId};

use super::small::Small;
use crate::inbox::filter::Bloom;
use crate::inbox::place::Position;
use crate::inbox::{Identity, InboxFact, InboxSink, Mark};
use crate::outbox::Post;

/// A mark on its way.
pub(super) struct QueuedMark {
    pub(super) mark: Mark,
    /// Counts all marks of this process: everything up to [`Shared::durable`] is decided.
    pub(super) number: u64,
    /// The filter knew the id already: look before writing.
    pub(super) check: bool,
}

/// A look-up that waits for marks before it to be decided.
pub(super) struct Await {
    pub(super) delivery: DeliveryId,
    pub(super) identity: Identity,
    pub(super) digest: Digest,
}

/// A look-up for the reader.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub(super) delivery: DeliveryId,
    pub(super) id: u128,
}

/// A partition that wants its position.
pub(super) struct Arrival {
    pub(super) partition: PartitionId,
    pub(super) epoch: Epoch,
    pub(super) name: crate::inbox::PartitionName,
}

/// What one flush hands to the writer, in this order.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) marks: Vec<QueuedMark>,
    /// How many of them are to be checked, and whether any carries statements: most batches need not be searched for those.
    pub(super) checks: usize,
    pub(super) effects: bool,
    /// Whether any publishes.
    pub(super) publishes: bool,
    /// Events from outside of handlers.
    pub(super) posts: Vec<Post>,
    pub(super) committed: Vec<(PartitionId, Epoch, Offset)>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) awaits: Vec<Await>,
    /// The news that the driver's side had taken in when the first of these was queued.
    pub(super) stamp: u64,
    /// The bucket under which the driver's filter holds these ids.
    pub(super) bucket: i64,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.committed.is_empty() && self.arrivals.is_empty() && self.awaits.is_empty()
    }
}

/// What the writer tells the driver's side, for its filter.
pub(super) enum News {
    /// A queued mark was not written after all.
    Unmarked { identity: Identity, number: u64 },
    /// Ids marked by another process, or by us in a later bucket than the filter believes.
    Marked { bucket: i64, ids: Vec<u128> },
    /// Marks go to this bucket from now on.
    Bucket(i64),
    /// Buckets that end here or earlier are gone.
    Expired { until: i64 },
    /// A partition's position.
    Position { partition: PartitionId, epoch: Epoch, position: Position },
}

/// Buffers kept for flushes to come, and the largest worth keeping.
const MOST_SPARE: usize = 16;
const MOST_SPARE_MARKS: usize = 2_048;

/// Parts of the store that can be down.
pub(super) const WRITING: u32 = 1;
/// See [`WRITING`].
pub(super) const READING: u32 = 2;

/// Shared state.
pub(super) struct Shared {
    durable: AtomicU64,
    fresh: AtomicBool,
    news: Mutex<(u64, Vec<News>)>,
    released: Mutex<HashMap<PartitionId, Epoch>>,
    filters: Mutex<HashMap<i64, Arc<Bloom>>>,
    filter_bytes: AtomicU64,
    small: Mutex<HashMap<i64, Arc<Small>>>,
    down: AtomicU32,
    full: AtomicBool,
    /// How long closing waits for the relay.
    relay_until: Mutex<Option<Instant>>,
    spare: Mutex<Vec<Vec<QueuedMark>>>,
    pub(super) sink: InboxSink,
    pub(super) counters: Counters,
}

/// Numbers for [`crate::inbox::InboxStats`].
#[derive(Default)]
pub(super) struct Counters {
    pub(super) marks: AtomicU64,
    pub(super) segments: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) commit_micros: AtomicU64,
    pub(super) suspended: AtomicBool,
    pub(super) undecided: AtomicU64,
    /// Events in the outbox, and when the oldest was written (milliseconds since 1970; 0: none).
    pub(super) outbox_pending: AtomicU64,
    pub(super) outbox_oldest: AtomicI64,
    /// Bytes of small rows held in memory.
    pub(super) small_bytes: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(sink: InboxSink) -> Self {
        Self {
            durable: AtomicU64::new(0),
            fresh: AtomicBool::new(false),
            news: Mutex::default(),
            released: Mutex::default(),
            filters: Mutex::default(),
            filter_bytes: AtomicU64::new(0),
            small: Mutex::default(),
            down: AtomicU32::new(0),
            full: AtomicBool::new(false),
            relay_until: Mutex::default(),
            spare: Mutex::default(),
            sink,
            counters: Counters::default(),
        }
    }

    /// The number up to which marks are decided. Read it *before* [`Shared::take_news`]: what was decided otherwise than by writing
    /// is in the news by then.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn set_durable(&self, number: u64) {
        self.durable.fetch_max(number, Ordering::Release);
    }

    /// Adds news; answers their stamp.
    pub(super) fn tell(&self, news: News) -> u64 {
        let mut held = lock(&self.news);
        held.0 = held.0.saturating_add(1);
        held.1.push(news);
        self.fresh.store(true, Ordering::Release);
        held.0
    }

    /// Takes the news, if there are any, with the stamp of the last.
    pub(super) fn take_news(&self) -> Option<(u64, Vec<News>)> {
        if !self.fresh.load(Ordering::Acquire) {
            return None;
        }
        let mut held = lock(&self.news);
        self.fresh.store(false, Ordering::Release);
        Some((held.0, std::mem::take(&mut held.1)))
    }

    /// A small row that the other thread has in memory. Rows never change and numbers never come back, so whoever finds the number in
    /// its snapshot may take the row from here.
    pub(super) fn small(&self, id: i64) -> Option<Arc<Small>> {
        lock(&self.small).get(&id).cloned()
    }

    pub(super) fn keep_small(&self, row: &Arc<Small>) {
        lock(&self.small).insert(row.id, Arc::clone(row));
    }

    /// A row is gone from the file.
    pub(super) fn drop_small(&self, id: i64) {
        lock(&self.small).remove(&id);
    }

    /// Room for the marks of a flush, which the writer has emptied: buffers that one thread makes and another frees cost page faults.
    pub(super) fn spare(&self) -> Vec<QueuedMark> {
        lock(&self.spare).pop().unwrap_or_default()
    }

    /// Gives room back.
    pub(super) fn spared(&self, mut marks: Vec<QueuedMark>) {
        marks.clear();
        if marks.capacity() <= MOST_SPARE_MARKS {
            let mut spare = lock(&self.spare);
            if spare.len() < MOST_SPARE {
                spare.push(marks);
            }
        }
    }

    pub(super) fn release(&self, partition: PartitionId, epoch: Epoch) {
        let mut released = lock(&self.released);
        let over = released.entry(partition).or_default();
        *over = (*over).max(epoch);
    }

    pub(super) fn released(&self) -> HashMap<PartitionId, Epoch> {
        lock(&self.released).clone()
    }

    pub(super) fn filter(&self, segment: i64) -> Option<Arc<Bloom>> {
        lock(&self.filters).get(&segment).cloned()
    }

    /// Keeps a segment's filter while the budget lasts: without one, the segment is read to find that it lacks an id.
    pub(super) fn keep_filter(&self, segment: i64, filter: &Arc<Bloom>, budget: u64) -> bool {
        let bytes = filter.bytes();
        if self.filter_bytes.load(Ordering::Relaxed).saturating_add(bytes) > budget {
            return false;
        }
        self.filter_bytes.fetch_add(bytes, Ordering::Relaxed);
        lock(&self.filters).insert(segment, Arc::clone(filter));
        true
    }

    pub(super) fn retain_filters(&self, live: impl Fn(i64) -> bool) {
        let mut filters = lock(&self.filters);
        filters.retain(|&segment, filter| {
            let keep = live(segment);
            if !keep {
                self.filter_bytes.fetch_sub(filter.bytes(), Ordering::Relaxed);
            }
            keep
        });
    }

    pub(super) fn filter_bytes(&self) -> u64 {
        self.filter_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn say(&self, fact: InboxFact) {
        (self.sink)(fact);
    }

    /// A part of the store is down; said once.
    pub(super) fn down(&self, part: u32, why: String) {
        if self.down.fetch_or(part, Ordering::AcqRel) & part == 0 {
            self.say(InboxFact::Down { why });
        }
    }

    /// The outbox is full, or has room again; whether that is news.
    pub(super) fn outbox_full(&self, full: bool) -> bool {
        self.full.swap(full, Ordering::AcqRel) != full
    }

    pub(super) fn relay_until(&self) -> Option<Instant> {
        *lock(&self.relay_until)
    }

    pub(super) fn relay_for(&self, until: Instant) {
        *lock(&self.relay_until) = Some(until);
    }

    /// A part of the store works again; said when no other part is down.
    pub(super) fn up(&self, part: u32) {
        if self.down.load(Ordering::Acquire) & part != 0 && self.down.fetch_and(!part, Ordering::AcqRel) == part {
            self.say(InboxFact::Up);
        }
    }
}
