//! A broker in the process (librdkafka's mock cluster), filled and read by plain clients.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

/// One record to send.
pub struct Sent<'a> {
    pub key: Option<&'a str>,
    pub value: String,
    pub headers: Vec<(&'a str, String)>,
}

/// A broker with topics.
pub struct Broker {
    pub cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    /// Starts a broker with these topics and their companions for `group`, `partitions` each.
    pub fn start(topics: &[&str], group: &str, partitions: i32) -> Self {
        let cluster = quick_cluster(1);
        for topic in topics {
            for name in [(*topic).to_owned(), format!("{topic}.{group}.dlt"), format!("{topic}.{group}.ledger")] {
                cluster.create_topic(&name, partitions, 1).unwrap();
            }
        }
        Self { cluster }
    }

    pub fn address(&self) -> String {
        self.cluster.bootstrap_servers()
    }

    pub fn send<'a>(&self, topic: &str, records: impl IntoIterator<Item = Sent<'a>>) {
        let producer: ThreadedProducer<DefaultProducerContext> =
            ClientConfig::new().set("bootstrap.servers", self.address()).set("enable.idempotence", "true").create().unwrap();
        for sent in records {
            let headers = sent
                .headers
                .iter()
                .fold(OwnedHeaders::new(), |headers, (name, value)| headers.insert(Header { key: name, value: Some(value) }));
            let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic).payload(sent.value.as_str()).headers(headers);
            if let Some(key) = sent.key {
                record = record.key(key);
            }
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
    }

    /// Reads `count` records of a topic from its beginning.
    pub fn read(&self, topic: &str, count: usize) -> Vec<OwnedMessage> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.address())
            .set("group.id", "reader")
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            list.add_partition_offset(topic, partition.id(), rdkafka::Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut records = Vec::new();
        while records.len() < count {
            assert!(Instant::now() < deadline, "{topic} holds {} of {count} records", records.len());
            if let Some(record) = consumer.poll(Duration::from_millis(100)) {
                records.push(record.unwrap().detach());
            }
        }
        records
    }
}

/// A mock cluster whose groups don't wait three seconds for more members.
#[allow(unsafe_code, reason = "the wrapper has no method for it")]
pub fn quick_cluster(brokers: i32) -> MockCluster<'static, DefaultProducerContext> {
    let owner: BaseProducer<DefaultProducerContext> =
        ClientConfig::new().set("test.mock.num.brokers", brokers.to_string()).create().unwrap();
    // One small client per scenario; the process ends with it.
    let owner: &'static BaseProducer<DefaultProducerContext> = Box::leak(Box::new(owner));
    // SAFETY: the client is never destroyed, and neither is the cluster that it owns; the call takes the cluster's own lock.
    unsafe {
        let cluster = rdkafka_sys::rd_kafka_handle_mock_cluster(owner.client().native_ptr());
        assert!(!cluster.is_null());
        rdkafka_sys::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
    }
    owner.client().mock_cluster().unwrap()
}

/// Shows what the loop says when `RUST_LOG` asks for it.
pub fn logs() {
    drop(tracing_subscriber::fmt().with_test_writer().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).try_init());
}
