//! Records, in and out, with their bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use rdkafka::consumer::Consumer as _;
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};

use super::admin::{partitions_of, reader};
use super::{PATIENCE, client, until};

/// A record to produce.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Where to; by the key's hash if none.
    pub partition: Option<i32>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Stored {
    /// The last header of that name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().rev().find(|(one, _)| one == name)?;
        value.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}

/// Remembers where each record went.
#[derive(Clone, Default)]
struct Places(Arc<Mutex<HashMap<usize, (i32, i64)>>>);

impl ClientContext for Places {}

impl ProducerContext for Places {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<usize>) {
        let stored = result.as_ref().unwrap_or_else(|(error, _)| panic!("a test's record was not stored: {error}"));
        self.0.lock().unwrap().insert(*number, (stored.partition(), stored.offset()));
    }
}

/// Produces all of them, in order; where each went (partition, offset).
pub fn produce(brokers: &str, topic: &str, records: &[Outgoing]) -> Vec<(i32, i64)> {
    let places = Places::default();
    let mut config = client(brokers);
    config.set("enable.idempotence", "true").set("linger.ms", "5").set("queue.buffering.max.messages", "1000000");
    let producer: ThreadedProducer<Places> = config.create_with_context(places.clone()).unwrap();
    for (number, record) in records.iter().enumerate() {
        send(&producer, topic, number, record);
    }
    producer.flush(PATIENCE).unwrap();
    let mut went = places.0.lock().unwrap();
    (0..records.len()).map(|number| went.remove(&number).expect("every record is acknowledged after a flush")).collect()
}

fn send(producer: &ThreadedProducer<Places>, topic: &str, number: usize, record: &Outgoing) {
    let headers = headers(&record.headers);
    until("room in the producer's queue", || {
        let mut base = BaseRecord::<[u8], [u8], Box<usize>>::with_opaque_to(topic, Box::new(number)).headers(headers.clone());
        base.key = record.key.as_deref();
        base.payload = record.value.as_deref();
        base.partition = record.partition;
        match producer.send(base) {
            Ok(()) => Some(()),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                producer.poll(std::time::Duration::from_millis(10));
                None
            }
            Err((error, _)) => panic!("a test's record was refused: {error}"),
        }
    });
}

fn headers(headers: &[(String, Option<Vec<u8>>)]) -> OwnedHeaders {
    let add = |all: OwnedHeaders, (key, value): &(String, Option<Vec<u8>>)| all.insert(Header { key, value: value.as_ref() });
    headers.iter().fold(OwnedHeaders::new(), add)
}

/// A producer for transactions, ready to begin one.
#[must_use]
pub fn producer(brokers: &str, transactional_id: &str) -> BaseProducer {
    let producer: BaseProducer = client(brokers).set("transactional.id", transactional_id).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

/// One transaction of these values in one partition, committed or aborted.
pub fn transact(producer: &BaseProducer, topic: &str, partition: i32, values: &[&str], commit: bool) {
    producer.begin_transaction().unwrap();
    for value in values {
        producer.send(BaseRecord::<str, str>::to(topic).partition(partition).payload(value)).map_err(|(error, _)| error).unwrap();
    }
    // Flushed, so that an aborted transaction's records are in the log and not merely in our queue.
    producer.flush(PATIENCE).unwrap();
    if commit { producer.commit_transaction(PATIENCE) } else { producer.abort_transaction(PATIENCE) }.unwrap();
}

/// Every record of a topic up to its present end, by partition and offset.
#[must_use]
pub fn read_all(brokers: &str, topic: &str) -> Vec<Stored> {
    let reader = reader(brokers, "onceward-tests");
    let partitions = partitions_of(&reader, topic).unwrap_or(0);
    let mut assigned = TopicPartitionList::new();
    (0..partitions).for_each(|partition| assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap());
    reader.assign(&assigned).unwrap();
    // The client says when a partition is read to its end: transaction markers and compaction make offsets useless for that.
    let (mut all, mut open) = (Vec::new(), partitions);
    while open > 0 {
        match reader.poll(PATIENCE).expect("a record or an end within the patience of a test") {
            Ok(message) => all.push(stored(&message)),
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => panic!("reading {topic}: {error}"),
        }
    }
    all.sort_by_key(|stored| (stored.partition, stored.offset));
    all
}

fn stored(message: &BorrowedMessage<'_>) -> Stored {
    let pairs = message.headers().map(|headers| headers.iter().map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec))).collect());
    Stored {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: pairs.unwrap_or_default(),
    }
}
