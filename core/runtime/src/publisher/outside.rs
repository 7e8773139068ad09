//! Publishing from outside of handlers.

use tokio::sync::watch;

use super::Publisher as Handlers;
use crate::event::{Publish, correlation};
use crate::letter::{HeaderBytes, PublishRequest};
use crate::outbox::{Door, Encoder};
use crate::{Error, wire};

/// Where a publish goes, as far as the consumer has come.
#[derive(Clone)]
pub(crate) enum Route {
    /// The consumer does not run yet.
    NotYet,
    /// Into the outbox.
    Outbox { door: Door, correlation_header: String },
    /// To the broker.
    Direct(Handlers),
}

/// Publishes events from outside of handlers: from an HTTP request, a timer, another task. Cheap to clone.
///
/// ```no_run
/// # async fn example(app: onceward::Consumer) -> Result<(), onceward::Error> {
/// use onceward::Publish;
///
/// let publisher = app.publisher();
/// tokio::spawn(async move {
///     let id = publisher.publish(Publish::to("orders").key("o1").value("{}")).await?;
///     Ok::<String, onceward::Error>(id)
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Publisher(watch::Receiver<Route>);

impl Publisher {
    pub(crate) fn new(route: watch::Receiver<Route>) -> Self {
        Self(route)
    }

    /// Publishes an event and returns its id, once it is durable: committed to the outbox of an SQLite inbox, from where it is relayed
    /// even after a crash; or, with the memory inbox, acknowledged by all in-sync replicas. Waits for the consumer to run.
    ///
    /// The id is a new one unless [`Publish::id`] names it. When this fails or is dropped while it waits, the event may be durable all the
    /// same: repeat it with an id of your own.
    ///
    /// # Errors
    /// [`Error::Closed`] when the consumer has ended, or ends before the event is durable; [`Error::Broker`] when the broker refuses it
    /// (memory inbox only: an outbox keeps it and tries again).
    pub async fn publish(&self, publish: Publish) -> Result<String, Error> {
        let mut route = self.0.clone();
        let route = route.wait_for(|route| !matches!(route, Route::NotYet)).await.map_err(|_| Error::Closed)?.clone();
        // The consumer holds the other end for as long as it runs.
        if self.0.has_changed().is_err() {
            return Err(Error::Closed);
        }
        match route {
            Route::NotYet => Err(Error::Closed),
            Route::Outbox { door, correlation_header } => {
                let (id, request) = request(publish, &correlation_header);
                let mut encoder = Encoder::default();
                encoder.push(&request.topic, request.key.as_deref(), request.value.as_deref(), &request.headers);
                door.post(encoder.done()).await.map_err(|_| Error::Closed)?;
                Ok(id)
            }
            Route::Direct(handlers) => {
                let (id, request) = request(publish, &handlers.correlation_header);
                let topic = request.topic.clone();
                handlers.send(request).await.map_err(|cause| Error::Broker {
                    what: format!("publishing to {topic}"),
                    cause,
                    cure: "Mend what it names and publish again".to_owned(),
                })?;
                Ok(id)
            }
        }
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Publisher")
    }
}

/// The record of an event that no other event caused. What the caller says of its flow and trace stays.
fn request(publish: Publish, correlation_header: &str) -> (String, PublishRequest) {
    let Publish { topic, key, value, headers, id } = publish;
    let id = id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let mut headers: Vec<(String, Option<Vec<u8>>)> = headers.into_iter().filter(|(name, _)| name != wire::ID).collect();
    let said = |name: &str| headers.iter().rev().filter(|(header, _)| header == name).find_map(|(_, value)| value.clone());
    let flow = said(correlation_header);
    let trace = said(wire::TRACEPARENT).filter(|trace| correlation::trace_id(trace).is_some());
    headers.retain(|(name, _)| name != correlation_header && name != wire::TRACEPARENT);
    let flow = flow.unwrap_or_else(|| id.clone().into_bytes());
    let trace = trace.unwrap_or_else(|| correlation::traceparent(None, &String::from_utf8_lossy(&flow), &id).into_bytes());
    headers.extend([
        (wire::ID.to_owned(), Some(id.clone().into_bytes())),
        (correlation_header.to_owned(), Some(flow)),
        (wire::TRACEPARENT.to_owned(), Some(trace)),
    ]);
    let headers: Vec<HeaderBytes> = headers.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
    (id, PublishRequest { token: 0, topic, key, value, headers, timestamp: None })
}
