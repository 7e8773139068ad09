//! An event's place in a trace.
//!
//! The trace is the producer's. An event without one begins a trace whose id is derived from its correlation id, so that every attempt,
//! every redelivery and the dead letter are in the same one, whoever writes them.

use std::str::FromStr;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

use crate::config::raw::Traces;
use crate::event::{Place, correlation};
use crate::kafka::Record;
use crate::wire;

/// Where an event stands.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) trace: TraceId,
    /// Of the span that stands for the whole of its handling.
    pub(super) span: SpanId,
    /// The producer's context.
    pub(super) producer: Option<SpanContext>,
    /// Whether the span is a child of the producer's; it is linked to it in any case.
    pub(super) follows: bool,
}

impl Flow {
    /// `salt` is the run's: another one that handles the same record again makes other spans.
    pub(super) fn of(record: &Record<'_>, place: &Place, traces: Traces, salt: u64) -> Self {
        let producer = record.header(wire::TRACEPARENT).and_then(|header| context(header, record.header(wire::TRACESTATE)));
        let follows = traces == Traces::Continue && producer.is_some();
        let coordinates = format!("{}/{}/{}", place.topic, place.partition, record.meta.offset.0);
        let trace = match &producer {
            Some(producer) if follows => producer.trace_id(),
            Some(_) => TraceId::from_bytes(hashed(&format!("{}\n{coordinates}", place.group))),
            None => derived(&correlation::of(record, &place.topic, place.partition)),
        };
        let mut span = [0; 8];
        span.copy_from_slice(&hashed(&format!("{salt}\n{}\n{coordinates}", record.meta.epoch.0))[..8]);
        Self { trace, span: SpanId::from_bytes(span), producer, follows }
    }

    /// The parent of the span that stands for the whole.
    pub(super) fn parent(&self) -> Option<&SpanContext> {
        self.producer.as_ref().filter(|_| self.follows)
    }
}

/// The trace of an event whose producer began none.
fn derived(correlation_id: &str) -> TraceId {
    TraceId::from_bytes(hashed(correlation_id))
}

fn hashed(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::derive_key("onceward trace 1", text.as_bytes())[..16]);
    bytes
}

/// A header as others read it.
pub(super) fn traceparent(trace: TraceId, span: SpanId, sampled: bool) -> String {
    format!("00-{trace}-{span}-{:02x}", u8::from(sampled))
}

/// The context that a producer wrote, if it is well formed.
fn context(header: &[u8], state: Option<&[u8]>) -> Option<SpanContext> {
    correlation::trace_id(header)?;
    let text = std::str::from_utf8(header).ok()?;
    let trace = TraceId::from_hex(text.get(3..35)?).ok()?;
    let span = SpanId::from_hex(text.get(36..52)?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(text.get(53..55)?, 16).ok()?);
    let state = state.and_then(|state| std::str::from_utf8(state).ok()).and_then(|state| TraceState::from_str(state).ok());
    Some(SpanContext::new(trace, span, flags, true, state.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn contexts_are_read_and_written_in_one_form() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = context(header.as_bytes(), Some(b"vendor=1")).unwrap();
        assert!(read.is_remote() && read.is_sampled());
        assert_eq!(read.trace_state().header(), "vendor=1");
        assert_eq!(traceparent(read.trace_id(), read.span_id(), true), header);
        assert!(context(b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", None).is_none());
        let unreadable = context(header.as_bytes(), Some(b"\xff")).unwrap();
        assert_eq!(unreadable.trace_state().header(), "", "a state that can't be read loses no trace");
    }

    #[test]
    fn the_trace_of_a_flow_is_the_same_in_every_release() {
        assert_eq!(derived("flow-1").to_string(), derived("flow-1").to_string());
        assert_ne!(derived("flow-1"), derived("flow-2"));
    }
}
