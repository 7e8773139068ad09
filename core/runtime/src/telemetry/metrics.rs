//! Counters and gauges of one consumer, as Prometheus text.
//!
//! One registry per consumer, none global: a process may run several. Names: `docs/reference/metrics.md`, golden in the tests.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use onceward_engine::{Dependency, Fate, Reason, Snapshot};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use crate::driver::Summary;
use crate::inbox::InboxStats;
use crate::letter::reason_text;

/// The numbers of one consumer. Written by the driver's thread alone, read by anyone.
#[derive(Debug, Default)]
pub struct Metrics {
    handled: AtomicU64,
    duplicates: AtomicU64,
    ignored: AtomicU64,
    dead_letters: AtomicU64,
    letters: Mutex<BTreeMap<(Arc<str>, &'static str), u64>>,
    paused_by_inbox: AtomicBool,
    paused_by_producer: AtomicBool,
    paused_by_breaker: AtomicBool,
    paused_by_outbox: AtomicBool,
    paused_by_request: AtomicBool,
    abandoned: AtomicU64,
    failed_attempts: AtomicU64,
    identity_conflicts: AtomicU64,
    gaps: AtomicU64,
    in_flight: AtomicI64,
    in_flight_bytes: AtomicI64,
    waiting: AtomicI64,
    running: AtomicI64,
    stuck: AtomicI64,
    partitions: AtomicI64,
    partitions_paused: AtomicI64,
    lag: Mutex<BTreeMap<Arc<str>, u64>>,
    halted: AtomicI64,
    inbox_marks: AtomicI64,
    inbox_commits: AtomicU64,
    inbox_reads: AtomicU64,
    inbox_commit_micros: AtomicU64,
    outbox_pending: AtomicI64,
    /// When the oldest was written, in milliseconds since 1970.
    outbox_oldest: AtomicI64,
}

impl Metrics {
    pub(crate) fn resolved(&self, fate: Fate) {
        let counter = match fate {
            Fate::Handled => &self.handled,
            Fate::Duplicate => &self.duplicates,
            Fate::Lettered => &self.dead_letters,
            Fate::Ignored => &self.ignored,
            Fate::Abandoned => &self.abandoned,
        };
        add(counter, 1);
    }

    /// One letter more. Beside [`Metrics::resolved`], which counts them all.
    pub(crate) fn lettered(&self, topic: &Arc<str>, reason: Reason) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        *letters.entry((Arc::clone(topic), reason_text(reason))).or_default() += 1;
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

    fn pause(&self, dependency: Dependency) -> &AtomicBool {
        match dependency {
            Dependency::Inbox => &self.paused_by_inbox,
            Dependency::Producer => &self.paused_by_producer,
            Dependency::Outbox => &self.paused_by_outbox,
        }
    }

    pub(crate) fn failed_attempt(&self) {
        add(&self.failed_attempts, 1);
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
        self.lag.lock().unwrap_or_else(PoisonError::into_inner).clone_from(lag);
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

    /// Everything as Prometheus text (OpenMetrics).
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut registry = Registry::with_prefix("onceward");
        let counters = [
            ("events_handled", "Events handled and durably marked", &self.handled),
            ("duplicates", "Copies of handled events that were dropped", &self.duplicates),
            ("events_ignored", "Events that no handler wanted", &self.ignored),
            ("events_abandoned", "Events given back unresolved with their partition", &self.abandoned),
            ("failed_attempts", "Handler calls that failed", &self.failed_attempts),
            ("identity_conflicts", "Ids that came again with other bytes", &self.identity_conflicts),
            ("gap_offsets", "Offsets deleted by the broker before they were read", &self.gaps),
            ("inbox_commits", "Transactions of the inbox", &self.inbox_commits),
            ("inbox_reads", "Look-ups that had to read the store", &self.inbox_reads),
        ];
        for (name, help, value) in counters {
            registry.register(name, help, ConstCounter::new(value.load(Ordering::Relaxed)));
        }
        let letters: Family<Labels, Counter> = Family::default();
        for ((topic, reason), count) in self.letters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            letters.get_or_create(&vec![("topic", topic.to_string()), ("reason", (*reason).to_owned())]).inc_by(*count);
        }
        registry.register("dead_letters", "Events in the dead-letter topic", letters);
        let paused: Family<Labels, Gauge> = Family::default();
        for (reason, dependency) in [("inbox", Dependency::Inbox), ("producer", Dependency::Producer), ("outbox", Dependency::Outbox)] {
            let value = self.pause(dependency).load(Ordering::Relaxed);
            paused.get_or_create(&vec![("reason", reason.to_owned())]).set(i64::from(value));
        }
        for (reason, flag) in [("breaker", &self.paused_by_breaker), ("request", &self.paused_by_request)] {
            paused.get_or_create(&vec![("reason", reason.to_owned())]).set(i64::from(flag.load(Ordering::Relaxed)));
        }
        registry.register("paused", "1 while nothing new is handled because this is down", paused);
        let lag: Family<Labels, Gauge> = Family::default();
        for (topic, records) in self.lag.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            lag.get_or_create(&vec![("topic", topic.to_string())]).set(i64::try_from(*records).unwrap_or(i64::MAX));
        }
        registry.register("lag_records", "Records of assigned partitions that are not resolved yet", lag);
        let gauges = [
            ("in_flight", "Records in memory", &self.in_flight),
            ("waiting", "Events waiting for another attempt", &self.waiting),
            ("running_handlers", "Handlers (runs) in flight", &self.running),
            ("stuck_handlers", "Handlers past their timeout that can't be stopped", &self.stuck),
            ("partitions", "Partitions assigned", &self.partitions),
            ("partitions_paused", "Partitions that are not fetched from for now", &self.partitions_paused),
            ("partitions_halted", "Partitions halted by an alert", &self.halted),
            ("inbox_marks", "Ids marked and not expired", &self.inbox_marks),
            ("outbox_pending", "Events published by handlers that are not acknowledged yet", &self.outbox_pending),
        ];
        for (name, help, value) in gauges {
            registry.register(name, help, ConstGauge::new(value.load(Ordering::Relaxed)));
        }
        let bytes = ConstGauge::new(self.in_flight_bytes.load(Ordering::Relaxed));
        registry.register_with_unit("in_flight", "Bytes of records in memory", Unit::Bytes, bytes);
        let seconds = micros_to_seconds(self.inbox_commit_micros.load(Ordering::Relaxed));
        registry.register_with_unit("inbox_write", "Time spent in transactions of the inbox", Unit::Seconds, ConstCounter::new(seconds));
        let oldest = ConstGauge::new(age_seconds(self.outbox_oldest.load(Ordering::Relaxed)));
        registry.register_with_unit("outbox_oldest", "Age of the oldest event in the outbox", Unit::Seconds, oldest);
        let mut text = String::new();
        // Writing into a string fails for nobody; an empty answer would show it.
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }
}

/// Names and values of labels, in the order in which they are written.
type Labels = Vec<(&'static str, String)>;

#[allow(clippy::cast_precision_loss, reason = "a sum of microseconds needs no more than 53 bits")]
fn micros_to_seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// How old something is that was written then; 0: there is nothing.
#[allow(clippy::cast_precision_loss, reason = "an age in milliseconds needs no more than 53 bits")]
fn age_seconds(written: i64) -> f64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    if written == 0 { 0.0 } else { age.saturating_sub(written).max(0) as f64 / 1e3 }
}

/// One writer: a plain load and store would do, and this is as cheap.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}
