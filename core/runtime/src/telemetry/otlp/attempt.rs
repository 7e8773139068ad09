//! One handler call: a span, and how long it took.

use std::sync::{Arc, PoisonError};
use std::time::{Instant, SystemTime};

use onceward_engine::Outcome;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};

use super::flow::{Flow, traceparent};
use super::spans::{Draft, Spans};
use crate::event::{Event, Report, one_line};
use crate::telemetry::names::{self, attribute};

/// A handler call that runs. Dropped before its end, it was stopped.
pub(crate) struct Attempt {
    spans: Arc<Spans>,
    topic: Arc<str>,
    clock: Instant,
    traced: Option<Traced>,
    ended: bool,
}

/// What is sent of it.
struct Traced {
    flow: Flow,
    span: SpanId,
    begun: SystemTime,
    attributes: Vec<KeyValue>,
}

impl Attempt {
    pub(super) fn begin(spans: Arc<Spans>, event: &Event) -> Self {
        let (record, place) = (event.record(), event.place());
        let mut traced = None;
        if let Some(flow) = spans.flow(&record, place) {
            let (span, sampled) = (spans.next_id(), spans.wanted(&flow));
            let ours = traceparent(flow.trace, span, sampled).into_boxed_str();
            event.item().recorded.lock().unwrap_or_else(PoisonError::into_inner).traceparent = Some(ours);
            if sampled {
                let attributes = vec![
                    KeyValue::new(attribute::ATTEMPT, i64::from(event.attempt())),
                    KeyValue::new(attribute::CORRELATION_ID, event.correlation_id()),
                ];
                traced = Some(Traced { flow, span, begun: SystemTime::now(), attributes });
            }
        }
        Self { spans, topic: Arc::clone(&place.topic), clock: Instant::now(), traced, ended: false }
    }

    /// The handler has ended, and what it recorded is accepted or not.
    pub(crate) fn end(mut self, outcome: Option<Outcome>, failure: Option<&Report>) {
        let outcome = match outcome {
            Some(Outcome::Done { .. }) => "done",
            Some(Outcome::Retry { .. }) => "retry",
            Some(Outcome::Reject(_)) => "reject",
            Some(Outcome::BatchFailed) => "batch_failed",
            Some(Outcome::Cancelled) | None => "cancelled",
        };
        self.close(outcome, failure.map(|failure| (failure.kind.as_str(), failure.message.as_str())));
    }

    fn close(&mut self, outcome: &'static str, failure: Option<(&str, &str)>) {
        self.ended = true;
        self.spans.measure(&self.topic, self.clock.elapsed(), failure.map(|(kind, _)| kind));
        let Some(Traced { flow, span, begun, mut attributes }) = self.traced.take() else { return };
        attributes.push(KeyValue::new(attribute::OUTCOME, outcome));
        let mut status = Status::Unset;
        if let Some((kind, message)) = failure {
            attributes.push(KeyValue::new(attribute::ERROR_TYPE, kind.to_owned()));
            status = Status::error(one_line(message).into_owned());
        }
        self.spans.send(Draft {
            context: self.spans.context(&flow, span, true),
            parent: Some(self.spans.context(&flow, flow.span, true)),
            kind: SpanKind::Internal,
            name: format!("{} {}", names::ATTEMPT, self.topic),
            begun,
            attributes,
            link: None::<SpanContext>,
            status,
        });
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.ended {
            self.close("cancelled", Some(("HandlerTimeout", "the handler took longer than its handler_timeout and was stopped")));
        }
    }
}
