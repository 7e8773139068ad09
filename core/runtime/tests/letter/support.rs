//! Records, causes, and reading topics back.

use std::time::Duration;

use crossbeam_channel::Receiver;
use onceward::inbox::Identity;
use onceward::kafka::{
    Batch, BatchBuilder, DedupScope, IdentitySource, KeySource, OffsetReset, RecordMeta, Source, SourceFact, SourceSettings, TopicSettings,
    consumer_properties, producer_properties,
};
use onceward::letter::{Cause, HeaderBytes, Producer, ProducerFact};
use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, Offset, PartitionId, PolicyId, Reason};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const DELIVERY: DeliveryId = DeliveryId { slot: 7, generation: 1 };

pub(crate) type Cluster = MockCluster<'static, DefaultProducerContext>;

pub(crate) fn cluster(topic: &str) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(topic, 2, 1).unwrap();
    cluster
}

pub(crate) fn header(name: &[u8], value: Option<&[u8]>) -> HeaderBytes {
    (name.to_vec(), value.map(<[u8]>::to_vec))
}

/// A batch with one record, at offset 258 of partition 1.
pub(crate) fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderBytes]) -> Batch {
    let mut builder = BatchBuilder::default();
    builder.begin(key, value);
    for (name, value) in headers {
        builder.header(name, value.as_deref());
    }
    let place = (PartitionId(4), Offset(258));
    let identity = Identity::Coordinates { partition: place.0, offset: place.1 };
    let mut meta = RecordMeta::new(place.0, Epoch(1), place.1, identity, EventHash(1), Digest(1), PolicyId(0));
    meta.timestamp = Some(1_700_000_000_123);
    builder.finish(meta);
    builder.take()
}

pub(crate) fn cause<'a>() -> Cause<'a> {
    Cause {
        group: "billing",
        topic: "orders",
        partition: 1,
        reason: Reason::Exhausted,
        attempts: 5,
        event_id: Some("e1"),
        correlation_id: "c1",
        first_failed_at: 1_700_000_001_000,
        last_failed_at: 1_700_000_002_500,
        error_type: "ValueError",
        message: "no dep_time",
        stack: "invoice\n  main",
        fingerprint: "0123456789abcdef",
        held_behind: None,
        replays: None,
    }
}

pub(crate) fn start(cluster: &Cluster) -> (Producer, Receiver<ProducerFact>) {
    let (sender, facts) = crossbeam_channel::unbounded();
    let client = producer_properties(&cluster.bootstrap_servers(), &[]);
    (Producer::start(&client, Box::new(move |fact| drop(sender.send(fact)))).unwrap(), facts)
}

/// Reads so many records of a topic.
pub(crate) fn read(cluster: &Cluster, topic: &str, count: usize) -> Vec<Batch> {
    let (sender, facts) = crossbeam_channel::unbounded();
    let settings = SourceSettings {
        client: consumer_properties(&cluster.bootstrap_servers(), "reader", &[]),
        group: "reader".to_owned(),
        topics: vec![TopicSettings {
            name: topic.to_owned(),
            policy: PolicyId(0),
            identity: IdentitySource::Automatic,
            scope: DedupScope::Topic,
            order_key: KeySource::Key,
            event_type: onceward::kafka::TypeSource::Automatic,
            routing: None,
            pattern: None,
        }],
        reset: OffsetReset::Earliest,
        drain: Duration::ZERO,
        batch_records: 100,
        batch_bytes: 1 << 20,
        batches_ahead: 1_000,
    };
    let source = Source::start(settings, Box::new(move |fact| drop(sender.send(fact)))).unwrap();
    let mut batches: Vec<Batch> = Vec::new();
    while batches.iter().map(Batch::len).sum::<usize>() < count {
        if let SourceFact::Batch(batch) = facts.recv_timeout(LONG).unwrap() {
            batches.push(batch);
        }
    }
    drop(source);
    batches
}
