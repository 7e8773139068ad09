//! What the mock cluster can't show, on a real broker: `ONCEWARD_TEST_BROKERS=host:port cargo test -- --ignored`.
#![allow(clippy::print_stderr)]

use std::time::{Duration, Instant};

use onceward::kafka::{Source, SourceFact, SourceOrder, producer_properties};
use onceward::letter::topics::{Needs, Problem, apply, plan};
use onceward::letter::{DEFAULT_LEDGER, DEFAULT_TEMPLATE};
use onceward_engine::Offset;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::support::{Listener, cluster, settings};

fn brokers() -> String {
    std::env::var("ONCEWARD_TEST_BROKERS").expect("ONCEWARD_TEST_BROKERS names a real broker")
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
#[ignore = "needs a real broker"]
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
#[ignore = "needs a real broker"]
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

/// Prints rates: the source, handing over and dropping batches, beside the wrapper's poll loop with the same properties.
#[test]
#[ignore = "needs a real broker; prints, asserts nothing about time"]
fn rates() {
    const EACH: i64 = 250_000;
    const ALL: usize = 2_000_000;
    let topic = fresh("rates");
    create(&topic, 8, &[]);
    fill(&topic, 8, EACH, |offset| (format!("k{}", offset % 1_000), "x".repeat(240)));
    for _ in 0..3 {
        let group = fresh("g");
        let mut settings = real(&group, &topic);
        (settings.batch_records, settings.batches_ahead) = (1_024, 4);
        let (sender, facts) = crossbeam_channel::unbounded();
        let source = Source::start(settings, Box::new(move |fact| drop(sender.send(fact)))).unwrap();
        let (mut seen, mut start, mut batches) = (0, None, 0);
        while seen < ALL {
            if let SourceFact::Batch(batch) = facts.recv().unwrap() {
                start.get_or_insert_with(Instant::now);
                seen += batch.len();
                batches += 1;
                source.batch_taken();
            }
        }
        let took = start.unwrap().elapsed();
        source.order(SourceOrder::Close { deadline: Duration::from_secs(5) });
        source.join();
        eprintln!("source: {:.0} records/s, {} records per batch", ALL as f64 / took.as_secs_f64(), seen / batches);
        let mut config = ClientConfig::new();
        for (name, value) in onceward::kafka::consumer_properties(&brokers(), &fresh("g"), &[]) {
            config.set(name, value);
        }
        config.set("auto.offset.reset", "earliest").set("enable.partition.eof", "false");
        let consumer: BaseConsumer = config.create().unwrap();
        consumer.subscribe(&[&topic]).unwrap();
        let (mut seen, mut start) = (0, None);
        while seen < ALL {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                message.unwrap();
                start.get_or_insert_with(Instant::now);
                seen += 1;
            }
        }
        eprintln!("bare poll loop: {:.0} records/s", ALL as f64 / start.unwrap().elapsed().as_secs_f64());
    }
}
