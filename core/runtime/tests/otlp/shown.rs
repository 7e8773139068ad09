//! Spans and metrics as text that is the same in each run.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data};
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::collector::{attribute, attributes};

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The attempts of one event, and the span above them, in order.
pub fn tree(spans: &[Span], event_id: &str) -> String {
    let whole = spans.iter().find(|span| attribute(&span.attributes, "messaging.message.id").as_deref() == Some(event_id)).unwrap();
    let mut attempts: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == whole.span_id).collect();
    attempts.retain(|span| span.name.starts_with("attempt "));
    attempts.sort_by_key(|span| attribute(&span.attributes, "onceward.attempt"));
    for attempt in &attempts {
        assert_eq!(attempt.trace_id, whole.trace_id, "one trace over all attempts");
        assert!(whole.start_time_unix_nano <= attempt.start_time_unix_nano && attempt.end_time_unix_nano <= whole.end_time_unix_nano);
        assert!(attempt.start_time_unix_nano <= attempt.end_time_unix_nano);
    }
    let mut lines = vec![line(whole)];
    lines.extend(attempts.into_iter().map(line));
    lines.join("\n")
}

fn line(span: &Span) -> String {
    let mut text = format!("{} kind={}", span.name, span.kind().as_str_name());
    for link in &span.links {
        text += &format!("\n  link {}-{}", hex(&link.trace_id), hex(&link.span_id));
    }
    for (key, value) in attributes(&span.attributes) {
        text += &format!("\n  {key}={value}");
    }
    if let Some(status) = span.status.as_ref().filter(|status| status.code != 0) {
        text += &format!("\n  status {}: {}", status.code().as_str_name(), status.message);
    }
    text
}

/// Name, kind, unit and the keys of its points.
pub fn signature(metric: &Metric) -> String {
    let keys = |points: Vec<&Vec<_>>| {
        let all: BTreeSet<String> = points.into_iter().flat_map(|point| attributes(point)).map(|(key, _)| key).collect();
        all.into_iter().collect::<Vec<_>>().join(" ")
    };
    let (kind, keys) = match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => ("gauge", keys(gauge.data_points.iter().map(|point| &point.attributes).collect())),
        Data::Sum(sum) => {
            assert!(sum.is_monotonic, "{}", metric.name);
            ("sum", keys(sum.data_points.iter().map(|point| &point.attributes).collect()))
        }
        Data::Histogram(histogram) => ("histogram", keys(histogram.data_points.iter().map(|point| &point.attributes).collect())),
        other => panic!("{other:?}"),
    };
    format!("{} {kind} {} [{keys}]", metric.name, metric.unit)
}
