//! What outlives a crash of the process: Kafka, time, and what the test has seen so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use onceward_engine::DeliveryId;

use super::found::{Happened, LogLine, Position};
use super::ledger::Companions;
use super::log::{Log, Stored};
use super::options::RigOptions;
use crate::event::Chunk;
use crate::inbox::Clock;
use crate::letter::HeaderBytes;

/// A topic and a partition's number.
pub(super) type Name = (Arc<str>, i32);

/// The world, shared by everything that stands in for a part of it.
#[derive(Clone)]
pub(super) struct World {
    state: Arc<Mutex<State>>,
    /// Milliseconds since the rig began.
    now: Arc<AtomicU64>,
    /// The wall time of that moment.
    start: i64,
}

pub(super) struct State {
    pub(super) log: Log,
    pub(super) companions: Companions,
    /// Nothing comes after what the group has committed, whatever is published: letters are tried, and nothing else.
    pub(super) frozen: bool,
    /// What the group has committed.
    pub(super) committed: BTreeMap<Name, i64>,
    /// Partitions that another member has.
    pub(super) elsewhere: BTreeSet<Name>,
    /// Deliveries that were given to handlers in this life.
    pub(super) dispatched: HashMap<DeliveryId, Dispatched>,
    pub(super) attempts: HashMap<String, u32>,
    pub(super) handled: Vec<String>,
    pub(super) letters: Vec<Position>,
    pub(super) published: Vec<Position>,
    pub(super) lines: Vec<LogLine>,
    pub(super) history: Vec<Happened>,
    /// Events handled or given up: whether a run gets anywhere.
    pub(super) resolved: u64,
}

/// One delivery in the hands of a handler, or past them.
pub(super) struct Dispatched {
    pub(super) id: String,
    pub(super) attempt: u32,
    /// Alive while the handler runs.
    pub(super) chunk: Weak<Chunk>,
}

impl Dispatched {
    /// Whether a handler has begun with it and not ended.
    pub(super) fn runs(&self, delivery: DeliveryId) -> bool {
        let begun = |chunk: Arc<Chunk>| chunk.items.iter().any(|item| item.delivery == delivery && item.progress.has_begun());
        self.chunk.upgrade().is_some_and(begun)
    }
}

impl World {
    pub(super) fn new(options: &RigOptions) -> Self {
        let state = State {
            log: Log::new(options.partitions.clone(), options.seed),
            companions: Companions::default(),
            frozen: false,
            committed: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            dispatched: HashMap::new(),
            attempts: HashMap::new(),
            handled: Vec::new(),
            letters: Vec::new(),
            published: Vec::new(),
            lines: Vec::new(),
            history: Vec::new(),
            resolved: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), now: Arc::default(), start: options.start }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    pub(super) fn set_now(&self, now: u64) {
        self.now.fetch_max(now, Ordering::AcqRel);
    }

    /// Milliseconds since 1970.
    pub(super) fn wall(&self) -> i64 {
        self.start.saturating_add(i64::try_from(self.now()).unwrap_or(i64::MAX))
    }

    /// The same time, as the loop reads it.
    pub(super) fn clock(&self) -> crate::driver::Clock {
        crate::driver::Clock::Simulated { now: Arc::clone(&self.now), wall: self.start }
    }

    /// Keeps what happened for the test to read.
    pub(super) fn note(&self, what: impl Into<String>) {
        let happened = Happened { at: Duration::from_millis(self.now()), what: what.into() };
        self.lock().history.push(happened);
    }

    /// Puts a record into a topic.
    pub(super) fn append(
        &self,
        topic: &str,
        number: Option<i32>,
        (key, value): (Option<Vec<u8>>, Option<Vec<u8>>),
        headers: Vec<HeaderBytes>,
        timestamp: Option<i64>,
    ) -> Option<Position> {
        let timestamp = timestamp.unwrap_or_else(|| self.wall());
        self.lock().log.append(topic, number, Stored { key, value, headers, timestamp })
    }
}

/// The inbox keeps time by the world, so that marks expire in simulated days.
impl Clock for World {
    fn wall_ms(&self) -> i64 {
        self.wall()
    }

    fn steady_ms(&self) -> i64 {
        i64::try_from(self.now()).unwrap_or(i64::MAX)
    }
}
