//! The driver's end of the poll thread.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::context::Context;
use super::flow::Waker;
use super::poll::Poll;
use super::token;
use super::tokens::Tokens;
use super::{NewTopic, SourceFact, SourceOrder, SourceSettings, SourceSink, fault, sys};
use crate::Error;
use crate::telemetry::Pulse;

/// A consumer on its own thread. Facts come through the sink it was started with; all calls here return at once, except [`Source::join`].
///
/// Dropping it without [`SourceOrder::Close`] closes the consumer with a short deadline.
pub struct Source {
    orders: Sender<SourceOrder>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Creates the consumer, subscribes, and starts to poll. Nothing is asked of a broker before this returns.
    ///
    /// # Errors
    /// [`Error::Broker`] when a property is unknown or has a wrong value, or when the thread can't be started.
    pub fn start(settings: SourceSettings, sink: SourceSink) -> Result<Self, Error> {
        Self::start_watched(settings, sink, None)
    }

    /// As [`Source::start`]; each poll beats the pulse, if somebody watches.
    pub(crate) fn start_watched(mut settings: SourceSettings, sink: SourceSink, pulse: Option<Arc<Pulse>>) -> Result<Self, Error> {
        // Ranges of a batch are 32 bits wide; a batch ends with the record that passes its limit, and a record may be large.
        settings.batch_bytes = settings.batch_bytes.clamp(1, 1 << 30);
        settings.batch_records = settings.batch_records.max(1);
        settings.batches_ahead = settings.batches_ahead.max(1);
        let (consumer, tokens) = create(&settings)?;
        let queue = || {
            sys::Queue::consumer(consumer.client().native_ptr())
                .ok_or_else(|| fault::broker("starting the consumer", "it has no queue", "Set `group`"))
        };
        let (mut events, bell) = (queue()?, queue()?);
        if settings.topics.is_empty() {
            // Patterns that match nothing yet. There is no group to wait for: this member stands by.
            pulse.iter().for_each(|pulse| pulse.rebalanced(false));
        }
        events.watched_by(pulse);
        events.signed_in_by(consumer.client().native_ptr(), tokens);
        let topics: Vec<&str> = settings.topics.iter().map(|topic| topic.name.as_str()).collect();
        if !topics.is_empty() {
            consumer.subscribe(&topics).map_err(|error| {
                fault::broker(format!("subscribing to {}", topics.join(", ")), error.to_string(), "Correct the topic names")
            })?;
        }
        let (orders, inbox) = crossbeam_channel::unbounded();
        let waker = Arc::new(Waker::new(Some(bell)));
        let alarm = Alarm(sink);
        let sink: SourceSink = Box::new(move |fact| alarm.say(fact));
        let poll = Poll::new(settings, consumer, events, inbox, Arc::clone(&waker), sink)?;
        let thread = std::thread::Builder::new()
            .name("onceward-poll".to_owned())
            .spawn(move || poll.run())
            .map_err(|error| fault::broker("starting the poll thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { orders, waker, thread: Some(thread) })
    }

    /// A way to subscribe to more topics, from any thread.
    pub(crate) fn subscriber(&self) -> Subscriber {
        Subscriber { orders: self.orders.clone(), waker: Arc::downgrade(&self.waker) }
    }

    /// Orders something; orders are carried out in the order in which they are given.
    pub fn order(&self, order: SourceOrder) {
        // A thread that ended has reported `Closed` or `Fatal`; nothing that is ordered after that has an effect.
        if self.orders.send(order).is_ok() {
            self.waker.wake();
        }
    }

    /// Tells that a [`SourceFact::Batch`] was taken off, so that another one may be handed over.
    pub fn batch_taken(&self) {
        self.waker.batch_taken();
    }

    /// Waits for the thread, which ends after [`SourceFact::Closed`].
    pub fn join(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the poll thread panicked");
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.order(SourceOrder::Close { deadline: Duration::from_secs(5) });
            self.wait();
        }
    }
}

/// Subscribes to more topics, as long as the source lives; keeps nothing of it alive.
pub(crate) struct Subscriber {
    orders: Sender<SourceOrder>,
    waker: Weak<Waker>,
}

impl Subscriber {
    /// `None`: the source is gone.
    pub(crate) fn subscribe(&self, topics: Vec<NewTopic>) -> Option<()> {
        let waker = self.waker.upgrade()?;
        self.orders.send(SourceOrder::Subscribe(topics)).ok()?;
        waker.wake();
        Some(())
    }
}

/// Goes with the poll thread's sink. Without the thread no fact comes any more, while the client's own threads keep the member in the group:
/// nobody would ever know, and the partitions would stand.
struct Alarm(SourceSink);

impl Alarm {
    fn say(&self, fact: SourceFact) {
        (self.0)(fact);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let cure = "This is a bug of Onceward: please report it with the log, and start again";
            self.say(SourceFact::Fatal(fault::broker("polling Kafka", "the poll thread panicked", cure)));
            self.say(SourceFact::Closed);
        }
    }
}

fn create(settings: &SourceSettings) -> Result<(BaseConsumer<Context>, Option<Tokens>), Error> {
    let (config, endpoint) = token::client_config(&settings.client)?;
    let consumer = config.create_with_context(Context).map_err(|error| {
        fault::broker(
            "creating the Kafka consumer",
            error.to_string(),
            "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all",
        )
    })?;
    Ok((consumer, endpoint.map(Tokens::start).transpose()?))
}

impl SourceFact {
    /// A notice.
    pub(super) fn notice(text: impl Into<String>) -> Self {
        Self::Notice { text: text.into() }
    }
}
