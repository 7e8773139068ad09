//! The Rust API: build a consumer, register handlers, run it.

mod builder;
mod control;
mod patterns;
mod routes;
mod run;
mod start;
mod surroundings;
mod topics;
mod watcher;

pub use builder::{AutoOffsetReset, Builder};
pub(crate) use control::Connected;
pub use control::Control;
pub(crate) use patterns::{Patterns, contest};
pub(crate) use routes::{Route, Routes};
pub(crate) use start::{OUTBOX_BYTES, Plan, sqlite_settings};
pub(crate) use surroundings::Surroundings;

use std::sync::Arc;

use tokio::sync::watch;

use crate::Error;
use crate::alerts::{Callback, DeadLetter, callback};
use crate::config::{Loader, Settings, raw};
use crate::foreign::Taker;
use crate::handler::{BatchHandler, Handler, HandlerOptions};
use crate::publisher::{OutsidePublisher as Publisher, Route as PublishRoute};
use crate::telemetry::Metrics;

/// A consumer: handlers for topics, in one group.
///
/// ```no_run
/// # async fn example(shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), onceward::Error> {
/// use onceward::{AutoOffsetReset::Earliest, Consumer, Event, Failure};
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     id: String,
///     total: f64,
/// }
///
/// async fn invoice(event: Event) -> Result<(), Failure> {
///     let order: Order = event.json()?;
///     event.effect("INSERT INTO invoice(order_id, total) VALUES (?, ?)", (order.id, order.total));
///     Ok(())
/// }
///
/// let app = Consumer::builder()
///     .brokers("localhost:9092")
///     .group("billing")
///     .inbox("sqlite:billing.db")
///     .auto_offset_reset(Earliest)
///     .setup_sql(["CREATE TABLE IF NOT EXISTS invoice(order_id TEXT PRIMARY KEY, total REAL)"])
///     .build()?;
/// app.on("orders", invoice).run(shutdown).await?;
/// # Ok(())
/// # }
/// ```
pub struct Consumer {
    config: raw::Config,
    handlers: Vec<Registration>,
    metrics: Arc<Metrics>,
    progress: bool,
    route: watch::Sender<PublishRoute>,
    control: Control,
    on_dead_letter: Option<Callback>,
}

/// One handler, before it knows its runtime.
pub(crate) struct Registration {
    topics: Vec<String>,
    options: HandlerOptions,
    /// Whether it takes several events at once.
    batch: bool,
    /// Whether another language handles them.
    foreign: bool,
    /// May be called again: a test's consumer starts anew after a crash.
    make: Box<dyn Fn(start::Parts) -> Arc<dyn crate::executor::Runner> + Send>,
}

impl Consumer {
    /// A builder; see [`Builder`] for every setting.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A consumer configured by a TOML file, with `ONCEWARD_*` variables over it.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem of the file at once.
    pub fn from_file(path: impl AsRef<std::path::Path>) -> Result<Self, Error> {
        let (config, _) = Loader::new().file(path.as_ref()).process_env().resolve()?;
        Self::from_config(config)
    }

    /// A consumer from a configuration as it was written.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem at once.
    pub fn from_config(config: raw::Config) -> Result<Self, Error> {
        Settings::from_raw(&config)?;
        let route = watch::Sender::new(PublishRoute::NotYet);
        Ok(Self {
            config,
            handlers: Vec::new(),
            metrics: Arc::default(),
            progress: false,
            route,
            control: Control::new(),
            on_dead_letter: None,
        })
    }

    /// Handles the events of a topic.
    #[must_use]
    pub fn on(self, topic: impl Into<String>, handler: impl Handler) -> Self {
        self.on_with(topic, HandlerOptions::new(), handler)
    }

    /// Handles the events of several topics with one handler.
    #[must_use]
    pub fn on_topics<T: Into<String>>(self, topics: impl IntoIterator<Item = T>, handler: impl Handler) -> Self {
        self.register(topics.into_iter().map(Into::into).collect(), HandlerOptions::new(), handler)
    }

    /// Handles the events of a topic, with a retry policy or fatal errors of its own.
    #[must_use]
    pub fn on_with(self, topic: impl Into<String>, options: HandlerOptions, handler: impl Handler) -> Self {
        self.register(vec![topic.into()], options, handler)
    }

    /// Handles the events of a topic several at a time: as many as are ready, up to 500 in one call.
    ///
    /// ```no_run
    /// # async fn example(app: onceward::Consumer, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), onceward::Error> {
    /// use onceward::{EventBatch, Failure};
    ///
    /// async fn index(batch: EventBatch) -> Result<(), Failure> {
    ///     for (position, event) in batch.iter().enumerate() {
    ///         if event.value().is_none() {
    ///             batch.fail(position, Failure::reject("a tombstone has nothing to index"));
    ///         }
    ///     }
    ///     Ok(())
    /// }
    ///
    /// app.on_batch("products", index).run(shutdown).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_batch(self, topic: impl Into<String>, handler: impl BatchHandler) -> Self {
        self.on_batch_with(topic, HandlerOptions::new(), handler)
    }

    /// Handles the events of a topic several at a time, with options of its own.
    #[must_use]
    pub fn on_batch_with(mut self, topic: impl Into<String>, options: HandlerOptions, handler: impl BatchHandler) -> Self {
        let handler = Arc::new(handler);
        let make = Box::new(move |parts: start::Parts| parts.batch_runner(Arc::clone(&handler)));
        self.add(Registration { topics: vec![topic.into()], options, batch: true, foreign: false, make });
        self
    }

    /// Calls an async function for every dead letter of this consumer, when the letter is durable: one after the other, off the loop's path.
    /// It gets a summary, never the payload. When more than 1,024 letters wait for it, further ones are not told; they are in the
    /// dead-letter topic all the same. Followers of a held key are no news and are not told.
    ///
    /// ```no_run
    /// # fn example(app: onceward::Consumer) -> onceward::Consumer {
    /// app.on_dead_letter(|letter| async move {
    ///     eprintln!("{} given up: {} ({})", letter.topic, letter.message, letter.letter_id);
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn on_dead_letter<F, R>(mut self, function: F) -> Self
    where
        F: Fn(DeadLetter) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.on_dead_letter = Some(callback(function));
        self
    }

    fn register(mut self, topics: Vec<String>, options: HandlerOptions, handler: impl Handler) -> Self {
        let handler = Arc::new(handler);
        let make = Box::new(move |parts: start::Parts| parts.runner(Arc::clone(&handler)));
        self.add(Registration { topics, options, batch: false, foreign: false, make });
        self
    }

    /// Handles the events of several topics in another language; see [`foreign`](crate::foreign).
    #[must_use]
    pub fn on_foreign<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>, options: HandlerOptions, taker: impl Taker) -> Self {
        let taker: Arc<Box<dyn Taker>> = Arc::new(Box::new(taker));
        let make = Box::new(move |parts: start::Parts| parts.foreign_runner(Arc::clone(&taker)));
        let topics = topics.into_iter().map(Into::into).collect();
        self.add(Registration { topics, options, batch: false, foreign: true, make });
        self
    }

    fn add(&mut self, registration: Registration) {
        self.control.know(&registration.topics);
        self.handlers.push(registration);
    }

    /// Draws a progress bar while [`Consumer::run_until_end`] runs: on stderr, and only if that is a terminal. Default false.
    ///
    /// It counts the records up to the newest one, and shows the rate, events that wait for another attempt, and dead letters. Let logs
    /// go elsewhere, or their lines tear it.
    #[must_use]
    pub fn progress(mut self, show: bool) -> Self {
        self.progress = show;
        self
    }

    /// A handle to publish with from outside of handlers, while this consumer runs.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.route.subscribe())
    }

    /// A handle to pause and resume topics with, while this consumer runs. It knows the topics that are registered.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The consumer's numbers, to be read while it runs.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let topics: Vec<&String> = self.handlers.iter().flat_map(|handler| &handler.topics).collect();
        formatter.debug_struct("Consumer").field("config", &self.config.masked()).field("topics", &topics).finish()
    }
}
