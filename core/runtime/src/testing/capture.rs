//! Keeps the log lines of a rig's thread, each with the fields of the spans around it: the correlation id of the event, above all.
//!
//! A subscriber of our own: the crate that has them is for programs, and a library's users should not compile it for their tests.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::found::LogLine;
use super::world::World;

/// Takes lines of level INFO and above.
pub(super) struct Capture {
    world: World,
    next: AtomicU64,
    spans: Mutex<Spans>,
}

#[derive(Default)]
struct Spans {
    known: HashMap<u64, Span>,
    /// Handlers may carry the subscriber to threads of their own.
    entered: HashMap<ThreadId, Vec<u64>>,
}

struct Span {
    fields: Fields,
    parent: Option<u64>,
    holders: u32,
}

impl Capture {
    pub(super) fn new(world: World) -> Self {
        Self { world, next: AtomicU64::new(1), spans: Mutex::default() }
    }

    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spans {
    fn current(&self) -> Option<u64> {
        self.entered.get(&std::thread::current().id()).and_then(|stack| stack.last().copied())
    }

    fn release(&mut self, id: u64) -> bool {
        let Some(span) = self.known.get_mut(&id) else { return false };
        span.holders = span.holders.saturating_sub(1);
        if span.holders > 0 {
            return false;
        }
        let parent = self.known.remove(&id).and_then(|span| span.parent);
        if let Some(parent) = parent {
            self.release(parent);
        }
        true
    }

    fn hold(&mut self, id: u64) {
        if let Some(span) = self.known.get_mut(&id) {
            span.holders = span.holders.saturating_add(1);
        }
    }
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut spans = self.spans();
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_root() => None,
            None => spans.current(),
        };
        parent.into_iter().for_each(|parent| spans.hold(parent));
        spans.known.insert(id, Span { fields, parent, holders: 1 });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(span) = self.spans().known.get_mut(&span.into_u64()) {
            values.record(&mut span.fields);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let mut fields = own.named;
        let spans = self.spans();
        let mut around = match event.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if event.is_root() => None,
            None => spans.current(),
        };
        while let Some(span) = around.and_then(|id| spans.known.get(&id)) {
            fields.extend(span.fields.named.iter().cloned());
            around = span.parent;
        }
        drop(spans);
        let metadata = event.metadata();
        let line = LogLine { level: metadata.level().to_string(), target: metadata.target().to_owned(), message: own.message, fields };
        self.world.lock().lines.push(line);
    }

    fn enter(&self, span: &Id) {
        self.spans().entered.entry(std::thread::current().id()).or_default().push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut spans = self.spans();
        let thread = std::thread::current().id();
        if let Some(stack) = spans.entered.get_mut(&thread) {
            if let Some(at) = stack.iter().rposition(|id| *id == span.into_u64()) {
                stack.remove(at);
            }
            if stack.is_empty() {
                spans.entered.remove(&thread);
            }
        }
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.spans().hold(span.into_u64());
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.spans().release(span.into_u64())
    }
}

/// Fields as text.
#[derive(Default)]
struct Fields {
    message: String,
    named: Vec<(String, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.named.push((field.name().to_owned(), value));
        }
    }
}
