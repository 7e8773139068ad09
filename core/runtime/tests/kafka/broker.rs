//! What the mock cluster can't show, on the real broker that `cargo xtask test` starts.

use std::time::{Duration, Instant};

use onceward::kafka::{SourceFact, producer_properties};
use onceward::letter::topics::{Needs, Problem, apply, plan};
use onceward::letter::{DEFAULT_LEDGER, DEFAULT_TEMPLATE};
use onceward_engine::Offset;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{Listener, cluster, settings};

fn brokers() -> String {
    std::env::var("ONCEWARD_TEST_BROKERS")
        .expect("these tests need a real broker: run them by `cargo xtask test`, or set ONCEWARD_TEST_BROKERS=HOST:PORT")
}

/// A name that no other run uses.
fn fresh(name: &str) -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{name}-{nanos:x}")
}

fn create(topic: &str, partitions: i32, config: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers()).create().unwrap();
    let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    for (name, value) in config {
        new = new.set(name, value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(admin.create_topics([&new], &AdminOptions::new())).unwrap();
    assert_eq!(made, [Ok(topic.to_owned())]);
}

fn fill(topic: &str, partitions: i32, each: i64, record: impl Fn(i64) -> (String, String)) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers()).set("linger.ms", "20").set("queue.buffering.max.messages", "200000");
    let producer: BaseProducer = config.create().unwrap();
    for offset in 0..each {
        for partition in 0..partitions {
            let (key, value) = record(offset);
            let headers = rdkafka::message::OwnedHeaders::new()
                .insert(rdkafka::message::Header {
                    key: "onceward-id",
                    value: Some(&format!("{partition:08x}-7e57-4e7a-b45f-{offset:012x}")),
                })
                .insert(rdkafka::message::Header { key: "source", value: Some("test") });
            let mut record = BaseRecord::to(topic).partition(partition).key(&key).payload(&value).headers(headers);
            while let Err((_, again)) = producer.send(record) {
                producer.poll(Duration::from_millis(10));
                record = again;
            }
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

fn real(group: &str, topic: &str) -> onceward::kafka::SourceSettings {
    // The mock cluster only lends its shape; everything of it is replaced.
    let mut settings = settings(&cluster(topic, 1), group, topic);
    settings.client = onceward::kafka::consumer_properties(&brokers(), group, &[]);
    settings
}

#[test]
fn companions_are_planned_made_and_checked() {
    let (topic, group) = (fresh("orders"), "billing");
    create(&topic, 3, &[("max.message.bytes", "2000000")]);
    let (client, sources) = (producer_properties(&brokers(), &[]), [topic.clone()]);
    let needs = Needs {
        client: &client,
        group,
        sources: &sources,
        template: DEFAULT_TEMPLATE,
        ledger: Some(DEFAULT_LEDGER),
        timeout: Duration::from_secs(10),
    };
    let before = plan(&needs).unwrap();
    assert_eq!(before.missing().count(), 2);
    assert!(before.check().unwrap_err().to_string().contains("onceward topics apply"));
    assert_eq!(apply(&needs, &before).unwrap().len(), 2);
    let mut after = plan(&needs).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while after.check().is_err() && Instant::now() < end {
        // A new topic reaches the metadata a moment after it is acknowledged.
        after = plan(&needs).unwrap();
    }
    after.check().unwrap();
    assert!(apply(&needs, &after).unwrap().is_empty(), "nothing is left to do");
    let small = fresh("small");
    create(&small, 3, &[]);
    create(&format!("{small}.billing.dlt"), 3, &[("cleanup.policy", "compact"), ("max.message.bytes", "5000")]);
    let sources = [small];
    let found = plan(&Needs { sources: &sources, ledger: None, ..needs }).unwrap();
    let problems = &found.companions[0].problems;
    assert!(matches!(problems[..], [Problem::TooSmall { found: 5_000, .. }, Problem::WrongPolicy { .. }]), "{problems:?}");
}

#[test]
fn topics_have_ids_and_deleted_offsets_are_a_gap() {
    let topic = fresh("gap");
    create(&topic, 1, &[]);
    fill(&topic, 1, 100, |offset| ("k".to_owned(), offset.to_string()));
    let group = fresh("g");
    let mut listener = Listener::start(real(&group, &topic));
    let id = listener.until("assignment", |fact| match fact {
        SourceFact::Assigned { name, .. } => Some(name.topic_id),
        _ => None,
    });
    assert_ne!(id, [0; 16]);
    listener.until_seen(100);
    assert_eq!(listener.commit(0, 10), None);
    listener.close(Duration::from_secs(10));
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", brokers()).create().unwrap();
    let mut until = rdkafka::TopicPartitionList::new();
    until.add_partition_offset(&topic, 0, rdkafka::Offset::Offset(40)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.delete_records(&until, &AdminOptions::new())).unwrap();
    let mut listener = Listener::start(real(&group, &topic));
    let gap = listener.until("gap", |fact| match fact {
        SourceFact::Gap { from, to, .. } => Some((*from, *to)),
        _ => None,
    });
    assert_eq!(gap, (Offset(10), Offset(40)));
    assert_eq!(listener.assigned[&0].2, Offset(10));
    listener.until_seen(60);
    listener.assert_whole(40, 100);
    listener.close(Duration::from_secs(10));
}
