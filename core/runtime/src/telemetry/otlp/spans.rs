//! Spans of one run: whether one is wanted, what it says, and into the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use onceward_engine::Fate;
use opentelemetry::metrics::{Histogram, MeterProvider as _};
use opentelemetry::trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Config, SamplingDecision, ShouldSample, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};

use super::attempt::Attempt;
use super::flow::{Flow, traceparent};
use super::gate::{Counted, Gate};
use super::{meter, place};
use crate::config::raw::Traces;
use crate::driver::Payload;
use crate::event::{Event, Place, correlation, one_line};
use crate::kafka::Record;
use crate::letter::reason_text;
use crate::telemetry::Metrics;
use crate::telemetry::names::{self, attribute, metric};
use crate::wire;

/// Spans that may wait, unless `OTEL_BSP_MAX_QUEUE_SIZE` says otherwise. The SDK's 2,048 is a tenth of a second of a busy consumer.
const ROOM: usize = 16_384;

/// Everything that spans are made with.
pub(super) struct Spans {
    /// `None`: only durations are measured.
    queue: Option<Queue>,
    sampler: Box<dyn ShouldSample>,
    traces: Traces,
    scope: InstrumentationScope,
    group: Arc<str>,
    durations: Option<Histogram<f64>>,
    /// This run, and the spans that it has numbered.
    salt: u64,
    numbered: AtomicU64,
}

struct Queue {
    processor: BatchSpanProcessor,
    gate: Arc<Gate>,
}

/// One span before it has a scope.
pub(super) struct Draft {
    pub(super) context: SpanContext,
    pub(super) parent: Option<SpanContext>,
    pub(super) kind: SpanKind,
    pub(super) name: String,
    pub(super) begun: SystemTime,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) link: Option<SpanContext>,
    pub(super) status: Status,
}

/// Makes spans, or does nothing: then each call is one look at a pointer.
#[derive(Clone, Default)]
pub(crate) struct Tracer(Option<Arc<Spans>>);

impl Spans {
    pub(super) fn start(
        place: &place::Place,
        group: &str,
        traces: Traces,
        metrics: &Arc<Metrics>,
        meter: Option<&SdkMeterProvider>,
    ) -> Result<Self, String> {
        let queue = if place.traces { Some(Queue::start(place, metrics)?) } else { None };
        let durations = meter.map(|meter| {
            let meter = meter.meter_with_scope(scope());
            let histogram = meter.f64_histogram(metric::PROCESS_DURATION).with_unit("s").with_description("Duration of handler calls");
            histogram.with_boundaries(meter::BUCKETS.to_vec()).build()
        });
        let (salt, _) = uuid::Uuid::new_v4().as_u64_pair();
        let sampler = Config::default().sampler;
        Ok(Self { queue, sampler, traces, scope: scope(), group: group.into(), durations, salt, numbered: AtomicU64::new(0) })
    }

    /// Sends what waits; gives up what the collector does not take in time.
    pub(super) fn close(&self, within: Duration) {
        let Some(queue) = &self.queue else { return };
        let result = queue.processor.shutdown_with_timeout(within);
        let lost = queue.gate.give_up();
        if let Err(error) = result {
            tracing::warn!(target: "onceward", %error, lost, "the collector did not take the last spans in time");
        }
    }

    pub(super) fn flow(&self, record: &Record<'_>, place: &Place) -> Option<Flow> {
        self.queue.as_ref().map(|_| Flow::of(record, place, self.traces, self.salt))
    }

    /// Whether the sampler wants this event's spans. Asked more than once, it answers the same: it looks at the trace alone.
    pub(super) fn wanted(&self, flow: &Flow) -> bool {
        let parent = flow.parent().map(|parent| Context::new().with_remote_span_context(parent.clone()));
        let answer = self.sampler.should_sample(parent.as_ref(), flow.trace, names::PROCESS, &SpanKind::Consumer, &[], &[]);
        answer.decision == SamplingDecision::RecordAndSample
    }

    /// The id of one more span.
    pub(super) fn next_id(&self) -> SpanId {
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        let hash = blake3::hash(&[self.salt.to_be_bytes(), number.to_be_bytes()].concat());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_bytes()[..8]);
        SpanId::from_bytes(id)
    }

    pub(super) fn context(&self, flow: &Flow, span: SpanId, sampled: bool) -> SpanContext {
        let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
        let state = flow.parent().map_or_else(TraceState::default, |parent| parent.trace_state().clone());
        SpanContext::new(flow.trace, span, flags, false, state)
    }

    pub(super) fn measure(&self, topic: &str, took: Duration, error_type: Option<&str>) {
        let Some(durations) = &self.durations else { return };
        let mut attributes = meter::common(&self.group, names::PROCESS);
        attributes.push(KeyValue::new(attribute::DESTINATION, topic.to_owned()));
        attributes.extend(error_type.map(|kind| KeyValue::new(attribute::ERROR_TYPE, kind.to_owned())));
        durations.record(took.as_secs_f64(), &attributes);
    }

    /// Into the queue, if it has room.
    pub(super) fn send(&self, draft: Draft) {
        let Some(queue) = self.queue.as_ref().filter(|queue| queue.gate.enter()) else { return };
        let mut links = SpanLinks::default();
        links.links.extend(draft.link.map(Link::with_context));
        queue.processor.on_end(SpanData {
            span_context: draft.context,
            parent_span_id: draft.parent.as_ref().map_or(SpanId::INVALID, SpanContext::span_id),
            parent_span_is_remote: draft.parent.as_ref().is_some_and(SpanContext::is_remote),
            span_kind: draft.kind,
            name: draft.name.into(),
            start_time: draft.begun,
            // A wall clock that was set back must not end a span before it began.
            end_time: SystemTime::now().max(draft.begun),
            attributes: draft.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: draft.status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

impl Queue {
    fn start(place: &place::Place, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let set = std::env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|size| size.parse::<usize>().ok());
        let room = set.unwrap_or(ROOM).max(1);
        let gate = Arc::new(Gate::new(i64::try_from(room).unwrap_or(i64::MAX), Arc::clone(metrics)));
        let exporter = Counted { exporter: place.span_exporter()?, gate: Arc::clone(&gate) };
        let config = BatchConfigBuilder::default().with_max_queue_size(room).build();
        let mut processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        processor.set_resource(&place.resource());
        Ok(Self { processor, gate })
    }
}

impl Tracer {
    pub(super) fn new(spans: Option<Arc<Spans>>) -> Self {
        Self(spans)
    }

    /// Nanoseconds since 1970; 0 if nobody receives spans.
    pub(crate) fn now(&self) -> u64 {
        let Some(Spans { queue: Some(_), .. }) = self.0.as_deref() else { return 0 };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// A handler is about to be called.
    pub(crate) fn attempt(&self, event: &Event) -> Option<Attempt> {
        self.0.as_ref().map(|spans| Attempt::begin(Arc::clone(spans), event))
    }

    /// The `traceparent` of a letter whose record has none.
    pub(crate) fn of_letter(&self, record: &Record<'_>, place: &Place) -> Option<String> {
        let spans = self.0.as_ref().filter(|_| record.headers().all(|header| header.name != wire::TRACEPARENT.as_bytes()))?;
        let flow = spans.flow(record, place)?;
        Some(traceparent(flow.trace, flow.span, spans.wanted(&flow)))
    }

    /// An event is resolved, or given back: the span that stands for the whole of its handling.
    pub(crate) fn resolved(&self, payload: &Payload, place: &Place, fate: Fate) {
        let Some(spans) = &self.0 else { return };
        let record = payload.record();
        let Some(flow) = spans.flow(&record, place).filter(|flow| spans.wanted(flow)) else { return };
        let outcome = match fate {
            Fate::Handled => "handled",
            Fate::Duplicate => "duplicate",
            Fate::Lettered => "dead_letter",
            Fate::Ignored => "ignored",
            Fate::Known => "known",
            Fate::Abandoned => "abandoned",
        };
        let mut attributes = meter::common(&spans.group, names::PROCESS);
        attributes.extend([
            KeyValue::new(attribute::OPERATION_TYPE, names::PROCESS),
            KeyValue::new(attribute::DESTINATION, place.topic.to_string()),
            KeyValue::new(attribute::PARTITION, place.partition.to_string()),
            KeyValue::new(attribute::OFFSET, record.meta.offset.0),
            KeyValue::new(attribute::EVENT_ID, one_line(&place.event_id(&record)).into_owned()),
            KeyValue::new(attribute::CORRELATION_ID, correlation::of(&record, &place.topic, place.partition)),
            KeyValue::new(attribute::ATTEMPT, i64::from(payload.attempt)),
            KeyValue::new(attribute::OUTCOME, outcome),
        ]);
        if record.value().is_none() {
            attributes.push(KeyValue::new(attribute::TOMBSTONE, true));
        }
        let mut status = Status::Unset;
        if fate == Fate::Lettered {
            let failure = payload.failure.as_deref();
            let reason = payload.reason.map_or("", reason_text);
            attributes.push(KeyValue::new(attribute::REASON, reason));
            attributes
                .push(KeyValue::new(attribute::ERROR_TYPE, failure.map_or_else(|| reason.to_owned(), |failure| failure.kind.clone())));
            status = Status::error(failure.map_or_else(|| reason.to_owned(), |failure| one_line(&failure.message).into_owned()));
        }
        spans.send(Draft {
            context: spans.context(&flow, flow.span, true),
            parent: flow.parent().cloned(),
            kind: SpanKind::Consumer,
            name: format!("{} {}", names::PROCESS, place.topic),
            begun: UNIX_EPOCH + Duration::from_nanos(payload.begun),
            attributes,
            link: flow.producer,
            status,
        });
    }
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(names::SCOPE).with_version(env!("CARGO_PKG_VERSION")).build()
}
