//! Metrics over OTLP: the readings, looked at whenever it is time to send. `OTEL_METRIC_EXPORT_INTERVAL` says how often; every minute by
//! default.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

use super::place::Place;
use super::spans::scope;
use crate::telemetry::Metrics;
use crate::telemetry::names::{self, attribute, metric};
use crate::telemetry::readings::{Kind, Unit};

/// Seconds, as the conventions advise for operations of messaging.
pub(super) const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Begins to send them.
///
/// # Errors
/// What is wrong with the address.
pub(super) fn start(place: &Place, group: &str, metrics: &Arc<Metrics>) -> Result<SdkMeterProvider, String> {
    let exporter = Told { exporter: place.metric_exporter()?, failing: AtomicBool::new(false) };
    let reader = PeriodicReader::builder(exporter).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(place.resource()).build();
    let meter = provider.meter_with_scope(scope());
    for reading in metrics.readings() {
        let observer = Observer { metrics: Arc::clone(metrics), name: reading.otlp, common: labels_of(reading.otlp, group) };
        let unit = match reading.unit {
            Unit::Of(thing) => thing,
            Unit::Seconds => "s",
            Unit::Bytes => "By",
        };
        // The instruments live as long as the provider; a handle to one is good for nothing.
        match (reading.kind, reading.unit) {
            (Kind::Counter, Unit::Seconds) => drop(
                meter
                    .f64_observable_counter(reading.otlp)
                    .with_unit(unit)
                    .with_description(reading.help)
                    .with_callback(move |to| observer.look(to, |value| value))
                    .build(),
            ),
            (Kind::Counter, _) => drop(
                meter
                    .u64_observable_counter(reading.otlp)
                    .with_unit(unit)
                    .with_description(reading.help)
                    .with_callback(move |to| observer.look(to, |value| value as u64))
                    .build(),
            ),
            (Kind::Gauge, Unit::Seconds) => drop(
                meter
                    .f64_observable_gauge(reading.otlp)
                    .with_unit(unit)
                    .with_description(reading.help)
                    .with_callback(move |to| observer.look(to, |value| value))
                    .build(),
            ),
            (Kind::Gauge, _) => drop(
                meter
                    .i64_observable_gauge(reading.otlp)
                    .with_unit(unit)
                    .with_description(reading.help)
                    .with_callback(move |to| observer.look(to, |value| value as i64))
                    .build(),
            ),
        }
    }
    Ok(provider)
}

/// Reads one metric when the SDK asks.
struct Observer {
    metrics: Arc<Metrics>,
    name: &'static str,
    common: Vec<KeyValue>,
}

impl Observer {
    fn look<T>(&self, to: &dyn AsyncInstrument<T>, number: impl Fn(f64) -> T) {
        let readings = self.metrics.readings();
        for point in readings.iter().filter(|reading| reading.otlp == self.name).flat_map(|reading| &reading.points) {
            let mut attributes = self.common.clone();
            attributes.extend(point.labels.iter().map(|(label, value)| KeyValue::new(label.otlp(), value.clone())));
            to.observe(number(point.value), &attributes);
        }
    }
}

fn labels_of(name: &str, group: &str) -> Vec<KeyValue> {
    if name == metric::CONSUMED { common(group, names::POLL) } else { vec![KeyValue::new(attribute::GROUP, group.to_owned())] }
}

/// What every span and metric of the messaging conventions says.
pub(super) fn common(group: &str, operation: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new(attribute::SYSTEM, names::SYSTEM),
        KeyValue::new(attribute::OPERATION_NAME, operation),
        KeyValue::new(attribute::GROUP, group.to_owned()),
    ]
}

/// An exporter that tells the log when it begins to fail and when it has ended. Nothing is lost by it: the numbers only rise.
struct Told {
    exporter: MetricExporter,
    failing: AtomicBool,
}

impl PushMetricExporter for Told {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        let failed = result.is_err();
        if self.failing.swap(failed, Ordering::Relaxed) != failed {
            match &result {
                Err(error) => tracing::warn!(target: "onceward", %error, "the collector does not take metrics; they are sent again later"),
                Ok(()) => tracing::info!(target: "onceward", "the collector takes metrics again"),
            }
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}
