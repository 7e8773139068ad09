//! Handlers and how they are treated.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::config::raw;
use crate::event::{Event, EventBatch, Failure, Report};

/// A function that handles one event. Any `async fn(Event) -> Result<(), Failure>` is one.
pub trait Handler: Send + Sync + 'static {
    /// Handles one attempt of one event.
    fn call(&self, event: Event) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<F, Fut> Handler for F
where
    F: Fn(Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    fn call(&self, event: Event) -> impl Future<Output = Result<(), Failure>> + Send {
        self(event)
    }
}

/// A function that handles several events at once. Any `async fn(EventBatch) -> Result<(), Failure>` is one.
///
/// `Ok` means that every event is handled, except those for which [`EventBatch::fail`] was called. An error (or a panic, or a timeout) of a
/// call with several events is nobody's attempt: each event is handled again in a call of its own, and those calls count.
pub trait BatchHandler: Send + Sync + 'static {
    /// Handles one call.
    fn call(&self, batch: EventBatch) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<F, Fut> BatchHandler for F
where
    F: Fn(EventBatch) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    fn call(&self, batch: EventBatch) -> impl Future<Output = Result<(), Failure>> + Send {
        self(batch)
    }
}

/// A handler of JSON bodies: `app.on("orders", onceward::json(|order: Order, event: Event| async move { … }))`.
///
/// A value that is not what `T` expects is a [`DecodeError`](crate::DecodeError): the event goes to the dead-letter topic at once, with the
/// reason `undecodable`, and the function is not called.
pub fn json<T, F, Fut>(handler: F) -> impl Handler
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(T, Event) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    let handler = Arc::new(handler);
    move |event: Event| {
        let handler = Arc::clone(&handler);
        async move {
            let body = event.json()?;
            handler(body, event).await
        }
    }
}

/// When a failed event is tried again, and when it is given up. What is not set comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backoff(pub(crate) raw::Retry);

/// As it stands in a configuration.
impl From<raw::Retry> for Backoff {
    fn from(written: raw::Retry) -> Self {
        Self(written)
    }
}

impl Backoff {
    /// The configuration's policy, to be changed with the methods below.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Handler calls per event, the first included. Default 5.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    /// Wait after the first failure. Default 200 ms.
    #[must_use]
    pub fn first(mut self, first: Duration) -> Self {
        self.0.first = Some(first.into());
        self
    }

    /// Each further wait is this many times the one before. Default 2.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.0.factor = Some(factor);
        self
    }

    /// Longest single wait. Default 30 s.
    #[must_use]
    pub fn max(mut self, max: Duration) -> Self {
        self.0.max = Some(max.into());
        self
    }

    /// Time budget from the first attempt to the last. Default 5 min.
    #[must_use]
    pub fn total(mut self, total: Duration) -> Self {
        self.0.total = Some(total.into());
        self
    }

    /// How much of each wait is random, from 0 to 1. Default 0.2.
    #[must_use]
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.0.jitter = Some(jitter);
        self
    }
}

/// How one handler's failures are treated.
#[derive(Clone, Default)]
pub struct HandlerOptions {
    pub(crate) backoff: Option<Backoff>,
    pub(crate) fatal: Fatal,
    pub(crate) reads: bool,
    pub(crate) types: Vec<String>,
    pub(crate) max_rate: Option<f64>,
    pub(crate) batch_size: Option<u32>,
    pub(crate) batches_at_once: Option<u32>,
}

/// Says whether a failure is given up at once.
type Predicate = Arc<dyn Fn(&Report) -> bool + Send + Sync>;

/// Which failures are given up at once.
#[derive(Clone, Default)]
pub(crate) struct Fatal {
    pub(crate) names: Vec<String>,
    /// What the configuration says, by topic or pattern: one handler may serve several.
    pub(crate) configured: HashMap<String, Vec<String>>,
    predicate: Option<Predicate>,
}

impl HandlerOptions {
    /// The configuration's options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The retry policy.
    #[must_use]
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.backoff = Some(backoff);
        self
    }

    /// The handler calls [`Event::query`](crate::Event::query). Its events are then handed over one by one: an event is dispatched when the
    /// effects of those before it in its lane are committed, where others share a transaction. Needs an SQLite inbox.
    #[must_use]
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// The handler is for events of this type only; call it again for further types. Where the type comes from: `event_type` of the topic,
    /// by default the header `ce_type`. Another handler of the same topic may be for other types, and one without a type is for all
    /// that are left. An event for which there is none: `unrouted_type` of the topic, by default to the dead-letter topic.
    #[must_use]
    pub fn event_type(mut self, name: impl Into<String>) -> Self {
        self.types.push(name.into());
        self
    }

    /// So many events per second may start in this process, from 0.001 to 1,000,000: for a service behind the handler that takes no more.
    /// Attempts count, not successes. After a pause up to a tenth of a second's worth starts at once. Default: as many as can.
    #[must_use]
    pub fn max_rate(mut self, per_second: f64) -> Self {
        self.max_rate = Some(per_second);
        self
    }

    /// Events that one call of a batch handler has at most, from 1 to 10,000. Default 500.
    #[must_use]
    pub fn batch_size(mut self, events: u32) -> Self {
        self.batch_size = Some(events);
        self
    }

    /// Calls of a batch handler at once, from 1 to 64. While they run the next batch gathers: the busier the topic, the larger the batches. Default 1.
    #[must_use]
    pub fn batches_at_once(mut self, calls: u32) -> Self {
        self.batches_at_once = Some(calls);
        self
    }

    /// Errors of this type are given up at once, with the reason `rejected`.
    #[must_use]
    pub fn fatal<E: 'static>(mut self) -> Self {
        self.fatal.names.push(std::any::type_name::<E>().to_owned());
        self
    }

    /// Errors whose type has this name are given up at once, as those in the configuration's `fatal`. A name without a path matches the last
    /// part of the type's name.
    #[must_use]
    pub fn fatal_name(mut self, name: impl Into<String>) -> Self {
        self.fatal.names.push(name.into());
        self
    }

    /// Errors for which this is true are given up at once.
    #[must_use]
    pub fn is_fatal(mut self, predicate: impl Fn(&Report) -> bool + Send + Sync + 'static) -> Self {
        self.fatal.predicate = Some(Arc::new(predicate));
        self
    }
}

impl Fatal {
    /// Whether a failure is declared fatal for events of this topic or pattern. A name without a path matches the last part of the error's type.
    pub(crate) fn covers(&self, topic: &str, failure: &Failure) -> bool {
        let report = &failure.report;
        let configured = self.configured.get(topic).into_iter().flatten();
        let is_named = |kind: &String| self.names.iter().chain(configured.clone()).any(|name| name == kind || name == bare(kind));
        std::iter::once(&report.kind).chain(&failure.names).any(is_named)
            || self.predicate.as_ref().is_some_and(|is_fatal| asked(&**is_fatal, report))
    }
}

/// The last part of a type's path, in Rust's and in others' writing.
fn bare(kind: &str) -> &str {
    kind.rsplit([':', '.']).next().unwrap_or(kind)
}

/// A predicate that panics has not said that the failure is fatal: the event keeps its attempts.
fn asked(is_fatal: &(dyn Fn(&Report) -> bool + Send + Sync), report: &Report) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| is_fatal(report))).unwrap_or_else(|_| {
        tracing::error!(target: "onceward", error_type = %report.kind, "is_fatal panicked; the failure counts as one that is worth another attempt");
        false
    })
}

impl std::fmt::Debug for HandlerOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HandlerOptions")
            .field("backoff", &self.backoff)
            .field("fatal", &self.fatal.names)
            .field("reads", &self.reads)
            .field("event_types", &self.types)
            .field("max_rate", &self.max_rate)
            .field("is_fatal", &self.fatal.predicate.is_some())
            .finish()
    }
}
