//! Counters and gauges of one consumer, as they are written.
//!
//! One set per consumer, none global: a process may run several. How they are called and read: [`super::readings`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use onceward_engine::{Dependency, Fate, Reason, Snapshot};

use crate::driver::Summary;
use crate::inbox::InboxStats;
use crate::letter::reason_text;

/// Letters of a topic that are not settled, in partitions that are ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unsettled {
    pub(crate) open: u64,
    pub(crate) held: u64,
    pub(crate) held_keys: u64,
    /// When the broker may delete the oldest of them, in milliseconds since 1970.
    pub(crate) deleted_at: Option<i64>,
}

/// The numbers of one consumer. Written by the driver's thread alone, read by anyone.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(super) handled: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) ignored: AtomicU64,
    dead_letters: AtomicU64,
    letters: Mutex<BTreeMap<(Arc<str>, &'static str), u64>>,
    consumed: Mutex<BTreeMap<String, u64>>,
    pub(super) attempts: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) brokers_down: AtomicBool,
    paused_by_inbox: AtomicBool,
    paused_by_producer: AtomicBool,
    pub(super) paused_by_breaker: AtomicBool,
    pub(super) breaker_opened: AtomicU64,
    paused_by_outbox: AtomicBool,
    pub(super) paused_by_request: AtomicBool,
    pub(super) paused_by_registry: AtomicBool,
    pub(super) abandoned: AtomicU64,
    pub(super) failed_attempts: AtomicU64,
    pub(super) identity_conflicts: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) in_flight: AtomicI64,
    pub(super) in_flight_bytes: AtomicI64,
    pub(super) waiting: AtomicI64,
    pub(super) running: AtomicI64,
    pub(super) stuck: AtomicI64,
    pub(super) stranded: AtomicI64,
    pub(super) topics_left_out: AtomicI64,
    pub(super) partitions: AtomicI64,
    pub(super) partitions_paused: AtomicI64,
    lag: Mutex<BTreeMap<Arc<str>, u64>>,
    unsettled: Mutex<BTreeMap<Arc<str>, Unsettled>>,
    /// Since when the watermark that has stood for the longest time has stood, by topic.
    standing_since: Mutex<BTreeMap<Arc<str>, Instant>>,
    pub(super) halted: AtomicI64,
    pub(super) inbox_marks: AtomicI64,
    pub(super) inbox_commits: AtomicU64,
    pub(super) inbox_reads: AtomicU64,
    pub(super) inbox_commit_micros: AtomicU64,
    pub(super) outbox_pending: AtomicI64,
    /// When the oldest was written, in milliseconds since 1970.
    pub(super) outbox_oldest: AtomicI64,
    /// Spans that nobody will receive: the queue was full, or the collector refused them.
    pub(super) spans_dropped: AtomicU64,
}

impl Metrics {
    pub(crate) fn resolved(&self, fate: Fate) {
        let counter = match fate {
            Fate::Handled => &self.handled,
            // What the ledger knows is read a second time, as a copy is.
            Fate::Duplicate | Fate::Known => &self.duplicates,
            Fate::Lettered => &self.dead_letters,
            Fate::Ignored => &self.ignored,
            Fate::Abandoned => &self.abandoned,
        };
        add(counter, 1);
    }

    /// One letter more. Beside [`Metrics::resolved`], which counts them all.
    pub(crate) fn lettered(&self, topic: &Arc<str>, reason: Reason) {
        *locked(&self.letters).entry((Arc::clone(topic), reason_text(reason))).or_default() += 1;
    }

    /// Topics that a pattern matches and that can't be consumed.
    pub(crate) fn topics_left_out(&self, topics: usize) {
        self.topics_left_out.store(i64::try_from(topics).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn left_out(&self) -> i64 {
        self.topics_left_out.load(Ordering::Relaxed)
    }

    /// A dependency went away, or is back.
    pub(crate) fn paused(&self, dependency: Dependency, paused: bool) {
        self.pause(dependency).store(paused, Ordering::Relaxed);
    }

    pub(crate) fn is_paused(&self, dependency: Dependency) -> bool {
        self.pause(dependency).load(Ordering::Relaxed)
    }

    /// Partitions assigned.
    pub(crate) fn partitions(&self) -> u64 {
        u64::try_from(self.partitions.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// Partitions halted by an alert.
    pub(crate) fn halted(&self) -> u64 {
        u64::try_from(self.halted.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// A breaker is open, or none any more.
    pub(crate) fn paused_by_breaker(&self, paused: bool) {
        self.paused_by_breaker.store(paused, Ordering::Relaxed);
    }

    /// A person paused a topic, or none is paused any more.
    pub(crate) fn paused_by_request(&self, paused: bool) {
        self.paused_by_request.store(paused, Ordering::Relaxed);
    }

    /// A topic waits for the schema registry, or none does any more.
    pub(crate) fn paused_by_registry(&self, paused: bool) {
        self.paused_by_registry.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn is_paused_by_registry(&self) -> bool {
        self.paused_by_registry.load(Ordering::Relaxed)
    }

    /// A breaker opened once more.
    pub(crate) fn breaker_opened(&self) {
        add(&self.breaker_opened, 1);
    }

    fn pause(&self, dependency: Dependency) -> &AtomicBool {
        match dependency {
            Dependency::Inbox => &self.paused_by_inbox,
            Dependency::Producer => &self.paused_by_producer,
            Dependency::Outbox => &self.paused_by_outbox,
        }
    }

    /// No broker answers, or one does again.
    pub(crate) fn brokers_down(&self, down: bool) {
        self.brokers_down.store(down, Ordering::Relaxed);
    }

    pub(crate) fn are_brokers_down(&self) -> bool {
        self.brokers_down.load(Ordering::Relaxed)
    }

    /// A handler call ended; whether it was another one for the same event.
    pub(crate) fn attempt(&self, again: bool) {
        add(&self.attempts, 1);
        if again {
            add(&self.retries, 1);
        }
    }

    pub(crate) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// Runs in flight, and how many of them are stuck.
    pub(crate) fn handlers(&self) -> (u64, u64) {
        let get = |gauge: &AtomicI64| u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(0);
        (get(&self.running), get(&self.stuck))
    }

    #[cfg(feature = "otlp")]
    pub(super) fn spans_dropped(&self, spans: u64) {
        // Several threads write this one.
        self.spans_dropped.fetch_add(spans, Ordering::Relaxed);
    }

    pub(crate) fn failed_attempt(&self) {
        add(&self.failed_attempts, 1);
    }

    /// A letter was refused and waits, or one that waited does no more.
    pub(crate) fn stranded(&self, change: i64) {
        self.stranded.fetch_add(change, Ordering::Relaxed);
    }

    pub(crate) fn identity_conflict(&self) {
        add(&self.identity_conflicts, 1);
    }

    pub(crate) fn gap(&self, offsets: i64) {
        add(&self.gaps, u64::try_from(offsets).unwrap_or(0));
    }

    pub(crate) fn observe(&self, snapshot: &Snapshot, inbox: &InboxStats) {
        let set = |gauge: &AtomicI64, value: u64| gauge.store(i64::try_from(value).unwrap_or(i64::MAX), Ordering::Relaxed);
        set(&self.in_flight, u64::from(snapshot.records));
        set(&self.in_flight_bytes, snapshot.bytes);
        set(&self.waiting, u64::from(snapshot.waiting));
        set(&self.running, u64::from(snapshot.running));
        set(&self.stuck, u64::from(snapshot.stuck));
        set(&self.partitions, u64::from(snapshot.partitions));
        set(&self.halted, u64::from(snapshot.halted));
        set(&self.inbox_marks, inbox.marks);
        set(&self.outbox_pending, inbox.outbox_pending);
        self.outbox_oldest.store(inbox.outbox_oldest_ms, Ordering::Relaxed);
        self.inbox_commits.store(inbox.commits, Ordering::Relaxed);
        self.inbox_reads.store(inbox.reads, Ordering::Relaxed);
        self.inbox_commit_micros.store(inbox.commit_micros, Ordering::Relaxed);
    }

    /// Records left by topic, and how many partitions are not fetched from.
    pub(crate) fn progress(&self, lag: &BTreeMap<Arc<str>, u64>, paused: u64) {
        self.partitions_paused.store(i64::try_from(paused).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.lag().clone_from(lag);
    }

    /// Since when the oldest standing watermark of each topic has stood, and what was taken in of each topic.
    pub(crate) fn standing(&self, since: BTreeMap<Arc<str>, Instant>, consumed: BTreeMap<String, u64>) {
        *self.standing_since() = since;
        *self.consumed() = consumed;
    }

    /// How the letters of each topic stand.
    pub(crate) fn letters_stand(&self, unsettled: BTreeMap<Arc<str>, Unsettled>) {
        *locked(&self.unsettled) = unsettled;
    }

    pub(super) fn unsettled(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Unsettled>> {
        locked(&self.unsettled)
    }

    pub(super) fn lag(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, u64>> {
        locked(&self.lag)
    }

    pub(super) fn letters(&self) -> MutexGuard<'_, BTreeMap<(Arc<str>, &'static str), u64>> {
        locked(&self.letters)
    }

    pub(super) fn consumed(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        locked(&self.consumed)
    }

    pub(super) fn standing_since(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Instant>> {
        locked(&self.standing_since)
    }

    /// Events that wait for another attempt.
    pub(crate) fn waiting(&self) -> u64 {
        u64::try_from(self.waiting.load(Ordering::Relaxed)).unwrap_or(0)
    }

    /// The counters as a summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Summary {
            handled: get(&self.handled),
            duplicates: get(&self.duplicates),
            ignored: get(&self.ignored),
            failed_attempts: get(&self.failed_attempts),
            dead_letters: get(&self.dead_letters),
            identity_conflicts: get(&self.identity_conflicts),
            abandoned: get(&self.abandoned),
            halted: u32::try_from(self.halted.load(Ordering::Relaxed)).unwrap_or(0),
        }
    }
}

/// One writer: a plain load and store would do, and this is as cheap.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
