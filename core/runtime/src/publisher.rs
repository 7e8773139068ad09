//! What handlers publish: ids derived, headers added. Then it goes into the outbox, to be committed with the mark; or, with an inbox that
//! has none, to the broker, acknowledged before the mark.

mod outside;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::driver::Downstream;
use crate::event::{Event, Failure, Publish, correlation};
use crate::letter::{HeaderBytes, PublishRequest};
use crate::outbox::{Encoded, Encoder};
use crate::telemetry::Tracer;
use crate::wire;

pub use outside::Publisher as OutsidePublisher;
pub(crate) use outside::Route;

/// Sends what handlers publish and waits until all in-sync replicas have it.
#[derive(Clone)]
pub(crate) struct Publisher {
    producer: Arc<dyn Downstream>,
    waiting: Arc<Waiting>,
    correlation_header: Arc<str>,
    outbox: bool,
    tracer: Tracer,
}

/// Who waits for which acknowledgement.
#[derive(Default)]
pub(crate) struct Waiting {
    next: AtomicU64,
    senders: Mutex<HashMap<u64, oneshot::Sender<Result<(), String>>>>,
}

impl Waiting {
    /// Passes an acknowledgement on.
    pub(crate) fn settle(&self, token: u64, result: Result<(), String>) {
        let sender = self.senders.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
        if let Some(sender) = sender {
            // The handler's task may be gone; then nobody is interested.
            drop(sender.send(result));
        }
    }

    fn register(&self) -> (u64, oneshot::Receiver<Result<(), String>>) {
        let token = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.senders.lock().unwrap_or_else(PoisonError::into_inner).insert(token, sender);
        (token, receiver)
    }
}

impl Publisher {
    pub(crate) fn new(
        producer: Arc<dyn Downstream>,
        waiting: Arc<Waiting>,
        correlation_header: &str,
        outbox: bool,
        tracer: Tracer,
    ) -> Self {
        Self { producer, waiting, correlation_header: correlation_header.into(), outbox, tracer }
    }

    /// Whether what is published commits with the mark; else the broker has to have it first.
    pub(crate) fn has_outbox(&self) -> bool {
        self.outbox
    }

    pub(crate) fn tracer(&self) -> &Tracer {
        &self.tracer
    }

    /// What one attempt recorded: encoded, to be committed with the mark; or published here and now, and then there is nothing to commit.
    /// `span`: the attempt's place in its trace.
    pub(crate) async fn publish(
        &self,
        event: &Event,
        publishes: Vec<Publish>,
        span: Option<&str>,
    ) -> Result<Option<Box<Encoded>>, Failure> {
        if self.outbox {
            let mut encoder = Encoder::default();
            for (ordinal, publish) in publishes.into_iter().enumerate() {
                let request = self.request(event, ordinal, publish, span);
                encoder.push(&request.topic, request.key.as_deref(), request.value.as_deref(), &request.headers);
            }
            return Ok(Some(Box::new(encoder.done())));
        }
        // One after the other's acknowledgement: the producer retries each record by itself, so two under way could swap places.
        for (ordinal, publish) in publishes.into_iter().enumerate() {
            let topic = publish.topic.clone();
            let sent = self.send(self.request(event, ordinal, publish, span)).await;
            sent.map_err(|why| Failure::retry("PublishFailed", format!("publishing to {topic}: {why}")))?;
        }
        Ok(None)
    }

    /// To the broker, until it is acknowledged.
    async fn send(&self, mut request: PublishRequest) -> Result<(), String> {
        let (token, acknowledged) = self.waiting.register();
        request.token = token;
        self.producer.publish(request);
        acknowledged.await.unwrap_or_else(|_| Err("the producer was closed".to_owned()))
    }

    fn request(&self, event: &Event, ordinal: usize, publish: Publish, span: Option<&str>) -> PublishRequest {
        let (place, causation, flow) = (event.place(), event.id(), event.correlation_id());
        let id = publish.id.clone().unwrap_or_else(|| derived_id(place.group.as_ref(), &place.topic, &causation, &publish, ordinal));
        let traceparent = span.map(str::to_owned).unwrap_or_else(|| {
            let salt = format!("{}/{ordinal}", publish.topic);
            correlation::traceparent(event.header(wire::TRACEPARENT), &flow, &salt)
        });
        let ours =
            [(wire::ID, id), (self.correlation_header.as_ref(), flow), (wire::CAUSATION_ID, causation), (wire::TRACEPARENT, traceparent)];
        let others = publish.headers.into_iter().filter(|(name, _)| ours.iter().all(|(taken, _)| taken != name));
        let mut headers: Vec<HeaderBytes> = others.map(|(name, value)| (name.into_bytes(), value)).collect();
        headers.extend(ours.iter().map(|(name, value)| (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))));
        PublishRequest { token: 0, topic: publish.topic, key: publish.key, value: publish.value, headers, timestamp: None }
    }
}

/// The id of a publish: the same whenever the same event is handled again, so that the next consumer knows the copy.
fn derived_id(group: &str, source: &str, incoming: &str, publish: &Publish, ordinal: usize) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in
        [group.as_bytes(), source.as_bytes(), incoming.as_bytes(), publish.topic.as_bytes(), publish.key.as_deref().unwrap_or_default()]
    {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(&(ordinal as u64).to_be_bytes());
    hasher.finalize().to_hex()[..32].to_owned()
}
