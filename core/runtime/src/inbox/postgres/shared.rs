//! What the driver's side and the store's tasks share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use onceward_engine::{DeliveryId, Digest, Epoch, Offset, PartitionId};

use crate::inbox::place::Position;
use crate::inbox::{Identity, InboxFact, InboxSink, Mark, PartitionName};

/// A mark on its way.
pub(super) struct QueuedMark {
    pub(super) mark: Mark,
    /// Counts all marks of this process: everything up to [`Shared::durable`] is decided, or set aside.
    pub(super) number: u64,
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
    pub(super) name: PartitionName,
}

/// What one flush hands to the writer, in this order.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) marks: Vec<QueuedMark>,
    pub(super) committed: Vec<(PartitionId, Epoch, Offset)>,
    pub(super) released: Vec<(PartitionId, Epoch)>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) awaits: Vec<Await>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.marks.is_empty() && self.committed.is_empty() && self.released.is_empty() && self.arrivals.is_empty() && self.awaits.is_empty()
    }
}

/// What the writer tells the driver's side.
pub(super) enum News {
    /// A queued mark was not written after all.
    Unmarked { identity: Identity, number: u64 },
    /// Marks have expired: what is remembered as marked may be gone.
    Expired,
    /// A partition's position.
    Position { partition: PartitionId, epoch: Epoch, position: Position },
}

/// Parts of the store that can be down.
pub(super) const WRITING: u32 = 1;
/// See [`WRITING`].
pub(super) const READING: u32 = 2;

/// Shared state.
pub(super) struct Shared {
    durable: AtomicU64,
    fresh: AtomicBool,
    news: Mutex<Vec<News>>,
    released: Mutex<HashMap<PartitionId, Epoch>>,
    down: AtomicU32,
    sink: InboxSink,
    pub(super) counters: Counters,
}

/// Numbers for [`crate::inbox::InboxStats`].
#[derive(Default)]
pub(super) struct Counters {
    pub(super) marks: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) commit_micros: AtomicU64,
    pub(super) suspended: AtomicBool,
    pub(super) undecided: AtomicU64,
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
            down: AtomicU32::new(0),
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

    pub(super) fn tell(&self, news: News) {
        lock(&self.news).push(news);
        self.fresh.store(true, Ordering::Release);
    }

    /// Takes the news, if there are any.
    pub(super) fn take_news(&self) -> Vec<News> {
        if !self.fresh.swap(false, Ordering::Acquire) {
            return Vec::new();
        }
        std::mem::take(&mut lock(&self.news))
    }

    pub(super) fn release(&self, partition: PartitionId, epoch: Epoch) {
        let mut released = lock(&self.released);
        let over = released.entry(partition).or_default();
        *over = (*over).max(epoch);
    }

    pub(super) fn released(&self) -> HashMap<PartitionId, Epoch> {
        lock(&self.released).clone()
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

    /// A part of the store works again; said when no other part is down.
    pub(super) fn up(&self, part: u32) {
        if self.down.load(Ordering::Acquire) & part != 0 && self.down.fetch_and(!part, Ordering::AcqRel) == part {
            self.say(InboxFact::Up);
        }
    }
}
