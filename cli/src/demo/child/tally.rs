//! What the handler saw, counted by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use onceward::Metrics;

use super::super::report::{Counts, Report};

/// Counters of the handler beside those of the consumer.
pub(super) struct Tally {
    metrics: Arc<Metrics>,
    start: Instant,
    say_at: Option<u64>,
    recorded: AtomicU64,
    retries: AtomicU64,
    first: AtomicU64,
    last: AtomicU64,
}

impl Tally {
    pub(super) fn new(metrics: Arc<Metrics>, say_at: Option<u64>) -> Self {
        let (recorded, retries, last) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        Self { metrics, start: Instant::now(), say_at, recorded, retries, first: AtomicU64::new(u64::MAX), last }
    }

    pub(super) fn began(&self, attempt: u32) {
        self.first.fetch_min(self.now(), Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says so at the very call that reaches the agreed number: a look at the clock could miss it by thousands of events.
    pub(super) fn recorded(&self) {
        self.last.fetch_max(self.now(), Ordering::Relaxed);
        let recorded = self.recorded.fetch_add(1, Ordering::Relaxed) + 1;
        if self.say_at == Some(recorded) {
            Report::Reached(self.counts()).say();
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let summary = self.metrics.summary();
        Counts {
            recorded: self.recorded.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            busy_micros: self.last.load(Ordering::Relaxed).saturating_sub(self.first.load(Ordering::Relaxed)),
            handled: summary.handled,
            duplicates: summary.duplicates,
            dead_letters: summary.dead_letters,
            conflicts: summary.identity_conflicts,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
