//! Traces and metrics over OTLP, to whoever collects them.
//!
//! Nothing here is global: each run has a queue, a sender and a meter of its own, so several consumers may run in one process, beside an
//! application that has set OpenTelemetry up for itself. The loop only ever adds to a bounded queue; two threads of the SDK send.

mod attempt;
mod client;
mod flow;
mod gate;
mod meter;
mod place;
mod spans;

pub(crate) use attempt::Attempt;
pub(crate) use spans::Tracer;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::Metrics;
use crate::config::{ConfigError, Problem, TelemetrySettings};
use place::Place;
use spans::Spans;

/// How long a run waits at its end for what is still to be sent. The SDK's own limit for metrics is the same.
const FLUSH: Duration = Duration::from_secs(5);

/// What sends, for as long as a run lasts.
pub(crate) struct Otlp {
    spans: Option<Arc<Spans>>,
    meter: Option<SdkMeterProvider>,
}

impl Otlp {
    /// Starts to send, if there is somebody to send to.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub(crate) fn start(settings: &TelemetrySettings, group: &str, metrics: &Arc<Metrics>) -> Result<Self, ConfigError> {
        let refused = |message: String| ConfigError::new(vec![Problem { path: "telemetry.otlp".to_owned(), message }]);
        let place = Place::find(settings, group, |name| std::env::var(name).ok()).map_err(refused)?;
        let Some(place) = place else { return Ok(Self { spans: None, meter: None }) };
        let meter = if place.metrics { Some(meter::start(&place, group, metrics).map_err(refused)?) } else { None };
        let spans = Spans::start(&place, group, settings.traces, metrics, meter.as_ref()).map_err(refused)?;
        tracing::info!(target: "onceward", to = %place.shown(), traces = place.traces, metrics = place.metrics, "telemetry is sent over OTLP");
        Ok(Self { spans: Some(Arc::new(spans)), meter })
    }

    /// Makes spans for it.
    pub(crate) fn tracer(&self) -> Tracer {
        Tracer::new(self.spans.clone())
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        // Side by side: a collector that hangs is waited for once.
        std::thread::scope(|threads| {
            if let Some(spans) = &self.spans
                && std::thread::Builder::new().name("onceward-flush".to_owned()).spawn_scoped(threads, || spans.close(FLUSH)).is_err()
            {
                // No thread to be had: one after the other.
                spans.close(FLUSH);
            }
            if let Some(meter) = &self.meter
                && let Err(error) = meter.shutdown_with_timeout(FLUSH)
            {
                tracing::warn!(target: "onceward", %error, "the last metrics were not sent");
            }
        });
    }
}
