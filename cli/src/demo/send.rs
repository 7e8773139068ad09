//! Sends the flights, and remembers where each record went.

use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext};

use onceward::wire;
use onceward_flights::Flight;

use super::broker::Cluster;
use super::failure::{Doing as _, Failure};
use super::instant::Instant;
use super::plan::{Plan, Record};

/// How long the cluster may take to acknowledge everything.
const ACKNOWLEDGED: Duration = Duration::from_secs(60);

/// A record that the cluster has acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) record: Record,
    pub(super) offset: i64,
    pub(super) at: Instant,
}

/// The value of a flight's event, byte for byte.
pub(super) fn value(flight: &Flight) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(flight).doing("write a flight as JSON")
}

/// The headers of a flight's event in their order.
pub(super) fn headers(flight: &Flight) -> [(&'static str, String); 2] {
    [(wire::ID, flight.id.clone()), (wire::CORRELATION_ID, flight.correlation_id())]
}

/// Sends all records of the plan in order; returns them in the order of the plan, with their offsets.
pub(super) fn send(cluster: &Cluster, plan: &Plan) -> Result<Vec<Sent>, Failure> {
    let (acknowledged, acknowledgements) = channel();
    let producer: ThreadedProducer<Acknowledge> = ClientConfig::new()
        .set("bootstrap.servers", &cluster.brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .create_with_context(Acknowledge(acknowledged))
        .doing("create a Kafka producer")?;
    for (index, record) in plan.records.iter().enumerate() {
        let flight = &plan.flights[record.flight];
        let value = value(flight)?;
        let headers = headers(flight)
            .iter()
            .fold(OwnedHeaders::new(), |headers, (name, value)| headers.insert(Header { key: name, value: Some(value.as_bytes()) }));
        let mut message = BaseRecord::with_opaque_to(&cluster.names.flights, Box::new(index))
            .payload(&value)
            .partition(record.partition)
            .headers(headers);
        if let Some(tailnum) = &flight.tailnum {
            message = message.key(tailnum);
        }
        producer.send(message).map_err(|(error, _)| error).asking_broker("send a flight")?;
    }
    producer.flush(ACKNOWLEDGED).asking_broker("get every flight acknowledged")?;
    let mut sent: Vec<Option<Sent>> = vec![None; plan.records.len()];
    // Everything is flushed, so each acknowledgement is in the channel.
    for (index, result) in acknowledgements.try_iter() {
        let (offset, at) = result.map_err(Failure::Broker)?;
        sent[index] = Some(Sent { record: plan.records[index], offset, at });
    }
    let all: Option<Vec<Sent>> = sent.into_iter().collect();
    all.ok_or_else(|| Failure::Broker("the cluster has not acknowledged every flight; is it overloaded?".to_owned()))
}

type Acknowledgement = (usize, Result<(i64, Instant), String>);

/// Hands acknowledgements on.
struct Acknowledge(Sender<Acknowledgement>);

impl ClientContext for Acknowledge {}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let result = match result {
            Ok(message) => Ok((message.offset(), Instant::now())),
            Err((error, _)) => Err(format!("a flight was not accepted: {error}")),
        };
        // Nobody listens any more once sending was given up.
        drop(self.0.send((*index, result)));
    }
}
