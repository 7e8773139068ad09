//! The readings as Prometheus text. Names: `docs/reference/metrics.md`, golden in the tests.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Metric, Registry};

use super::Metrics;
use super::readings::{Kind, Point, Reading, Unit};

/// Names and values of labels, in the order in which they are written.
type Labels = Vec<(&'static str, String)>;

impl Metrics {
    /// Everything as Prometheus text (OpenMetrics).
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut registry = Registry::with_prefix("onceward");
        for reading in self.readings() {
            register(&mut registry, &reading);
        }
        let mut text = String::new();
        // Writing into a string fails for nobody; an empty answer would show it.
        if encode(&mut text, &registry).is_err() {
            text.clear();
        }
        text
    }
}

fn register(registry: &mut Registry, reading: &Reading) {
    // Counts without a fraction are written without a point.
    let whole = !matches!(reading.unit, Unit::Seconds);
    let plain = reading.points.len() == 1 && reading.points[0].labels.is_empty();
    let value = reading.points.first().map_or(0.0, |point| point.value);
    match (reading.kind, plain, whole) {
        (Kind::Counter, true, true) => under(registry, reading, ConstCounter::new(count(value))),
        (Kind::Counter, true, false) => under(registry, reading, ConstCounter::new(value)),
        (Kind::Gauge, true, true) => under(registry, reading, ConstGauge::new(signed(value))),
        (Kind::Gauge, true, false) => under(registry, reading, ConstGauge::new(value)),
        (Kind::Counter, false, _) => {
            let family: Family<Labels, Counter> = Family::default();
            for point in &reading.points {
                family.get_or_create(&labels(point)).inc_by(count(point.value));
            }
            under(registry, reading, family);
        }
        (Kind::Gauge, false, true) => {
            let family: Family<Labels, Gauge> = Family::default();
            for point in &reading.points {
                family.get_or_create(&labels(point)).set(signed(point.value));
            }
            under(registry, reading, family);
        }
        (Kind::Gauge, false, false) => {
            let family: Family<Labels, Gauge<f64, AtomicU64>> = Family::default();
            for point in &reading.points {
                family.get_or_create(&labels(point)).set(point.value);
            }
            under(registry, reading, family);
        }
    }
}

fn under(registry: &mut Registry, reading: &Reading, metric: impl Metric) {
    match reading.unit {
        Unit::Of(_) => registry.register(reading.prometheus, reading.help, metric),
        Unit::Seconds => registry.register_with_unit(reading.prometheus, reading.help, prometheus_client::registry::Unit::Seconds, metric),
        Unit::Bytes => registry.register_with_unit(reading.prometheus, reading.help, prometheus_client::registry::Unit::Bytes, metric),
    }
}

fn labels(point: &Point) -> Labels {
    point.labels.iter().map(|(label, value)| (label.prometheus(), value.clone())).collect()
}

/// Readings are never negative, and the cast saturates.
fn count(value: f64) -> u64 {
    value as u64
}

fn signed(value: f64) -> i64 {
    value as i64
}
