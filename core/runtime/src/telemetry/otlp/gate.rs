//! The door of the queue: what is in it is counted, and what does not fit is dropped and counted.
//!
//! The SDK's processor drops as well, but tells nobody how many. With this in front of it, it never has to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::telemetry::Metrics;

/// How many spans are between us and the collector.
#[derive(Debug)]
pub(super) struct Gate {
    inside: AtomicI64,
    room: i64,
    /// The collector does not take them, and the log says so.
    failing: AtomicBool,
    metrics: Arc<Metrics>,
}

impl Gate {
    pub(super) fn new(room: i64, metrics: Arc<Metrics>) -> Self {
        Self { inside: AtomicI64::new(0), room, failing: AtomicBool::new(false), metrics }
    }

    /// Whether one more fits. If not, it is dropped.
    pub(super) fn enter(&self) -> bool {
        let entered = self.inside.fetch_add(1, Ordering::Relaxed) < self.room;
        if !entered {
            self.inside.fetch_sub(1, Ordering::Relaxed);
            self.metrics.spans_dropped(1);
        }
        entered
    }

    /// Nothing is sent any more: what is inside is lost. How many that is.
    pub(super) fn give_up(&self) -> u64 {
        let lost = u64::try_from(self.inside.swap(0, Ordering::Relaxed)).unwrap_or(0);
        self.metrics.spans_dropped(lost);
        lost
    }

    fn left(&self, spans: usize, result: &OTelSdkResult) {
        self.inside.fetch_sub(i64::try_from(spans).unwrap_or(i64::MAX), Ordering::Relaxed);
        match result {
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!(target: "onceward", "the collector takes spans again");
            }
            Ok(()) => {}
            Err(error) => {
                self.metrics.spans_dropped(spans as u64);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(target: "onceward", %error,
                        "the collector does not take spans; they are dropped and counted (spans_dropped), events are handled as ever");
                }
            }
        }
    }
}

/// An exporter that tells the gate what has left.
#[derive(Debug)]
pub(super) struct Counted<E> {
    pub(super) exporter: E,
    pub(super) gate: Arc<Gate>,
}

impl<E: SpanExporter> SpanExporter for Counted<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.gate.left(spans, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn what_does_not_fit_and_what_is_refused_is_counted() {
        let metrics: Arc<Metrics> = Arc::default();
        let gate = Gate::new(2, Arc::clone(&metrics));
        let dropped = || metrics.spans_dropped.load(Ordering::Relaxed);
        assert!(gate.enter() && gate.enter() && !gate.enter());
        assert_eq!(dropped(), 1, "there was no room");
        gate.left(1, &Ok(()));
        assert!(gate.enter(), "one has left");
        gate.left(2, &Err(OTelSdkError::InternalFailure("away".to_owned())));
        assert_eq!(dropped(), 3, "refused");
        assert!(gate.enter());
        assert_eq!((gate.give_up(), dropped()), (1, 4));
    }
}
