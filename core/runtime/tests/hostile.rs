//! Any bytes at all through the whole loop: nothing panics, nothing is lost, and a letter is the record, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[allow(dead_code)]
mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use onceward::kafka::{consumer_properties, producer_properties};
use onceward::letter::{HeaderBytes, Producer, ProducerFact, PublishRequest, Scan, scan};
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use support::Broker;

const RECORDS: usize = 2_000;
const LONG: Duration = Duration::from_secs(60);
/// Identity by the record itself, and by JSON in its value.
const TOPICS: [&str; 2] = ["plain", "pointed"];

#[derive(Clone, Debug, PartialEq, Eq)]
struct Bytes {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<HeaderBytes>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => vec(any::<u8>(), 0..300),
        1 => Just(br#"{"id":"a","source":"b","k":1}"#.to_vec()),
        1 => Just(b"{\"id\":".to_vec()),
        1 => Just(vec![b'['; 3_000]),
        1 => Just(b"\xf0\x9f\x92\xa9\0\r\n\x1b[2J%s${jndi:ldap://x}' OR 1=1 --".to_vec()),
    ]
}

/// Header names of every origin, our own among them: somebody may send those.
fn name() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&str] = &[
        "onceward-id",
        "onceward-letter-id",
        "onceward-reason",
        "kafka_dlt-original-offset",
        "kafka_dlt-exception-message",
        "ce_id",
        "ce_source",
        "content-type",
        "correlation-id",
        "traceparent",
        "causation-id",
    ];
    prop_oneof![vec(any::<u8>(), 0..20), proptest::sample::select(KNOWN).prop_map(|name| name.as_bytes().to_vec())]
}

fn records() -> Vec<Bytes> {
    let value = prop_oneof![bytes(), Just(b"application/cloudevents+json".to_vec()), Just(b"00-zz-zz-zz".to_vec())];
    let headers = vec((name(), of(value)), 0..8);
    let any = (of(vec(any::<u8>(), 0..6)), of(bytes()), headers).prop_map(|(key, value, headers)| Bytes { key, value, headers });
    let mut runner = TestRunner::deterministic();
    let mut records: Vec<Bytes> = (0..RECORDS).map(|_| any.new_tree(&mut runner).unwrap().current()).collect();
    records.push(Bytes { key: None, value: None, headers: vec![] });
    let many = (0..10_000_u32).map(|number| (number.to_be_bytes().to_vec(), (number % 3 > 0).then(|| vec![0xff; 3]))).collect();
    records.push(Bytes { key: None, value: Some(vec![0]), headers: many });
    records.push(Bytes { key: Some(vec![0; 10_000]), value: Some(vec![0xfe; 1_000_000]), headers: vec![] });
    records
}

fn write(broker: &Broker, topic: &str, records: &[Bytes]) {
    let (sender, facts) = crossbeam_channel::unbounded();
    let sink = Box::new(move |fact| drop(sender.send(fact)));
    let producer = Producer::start(&producer_properties(&broker.address(), &[]), sink).unwrap();
    for (token, record) in (0..).zip(records.iter().cloned()) {
        let Bytes { key, value, headers } = record;
        producer.publish(PublishRequest { token, topic: topic.to_owned(), key, value, headers, timestamp: None });
    }
    for _ in records {
        let fact = facts.recv_timeout(LONG).unwrap();
        assert!(matches!(fact, ProducerFact::Published { result: Ok(()), .. }), "{fact:?}");
    }
    producer.close(LONG).unwrap();
}

/// Every record of a topic as it is stored, by partition and offset.
fn stored(broker: &Broker, topic: &str) -> BTreeMap<(i32, i64), Bytes> {
    let client = consumer_properties(&broker.address(), "reader", &[]);
    let mut found = BTreeMap::new();
    scan(&Scan { client: &client, topic, only: None, parts: None, timeout: LONG }, |record, _| {
        let headers = record.headers.iter().map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec))).collect();
        let bytes = Bytes { key: record.key.map(<[u8]>::to_vec), value: record.value.map(<[u8]>::to_vec), headers };
        assert!(found.insert((record.partition, record.offset), bytes).is_none(), "read once");
        ControlFlow::Continue(())
    })
    .unwrap();
    found
}

/// About a third, and the largest ones. A function of the record, so that every attempt and this test say the same.
fn is_refused(key: Option<&[u8]>, value: Option<&[u8]>, headers: usize) -> bool {
    let sum: usize = key.into_iter().chain(value).flatten().map(|byte| usize::from(*byte)).sum();
    headers >= 10_000 || value.is_some_and(|value| value.len() >= 1_000_000) || sum % 3 == 1
}

/// Uses everything that an event offers.
async fn handle(event: Event) -> Result<(), Failure> {
    let headers = event.headers().count();
    assert!(event.headers().rev().count() == headers && !event.id().is_empty() && event.idempotency_key().len() == 32);
    assert!(!event.correlation_id().contains(char::is_control) && event.correlation_id().chars().count() <= 256);
    drop((event.causation_id(), event.timestamp()));
    assert!(format!("{event:?}").len() < 200, "an event shown for people is its place, not its batch");
    let json = event.json::<serde_json::Value>();
    if is_refused(event.key(), event.value(), headers) {
        return Err(match json {
            Ok(_) => Failure::reject(String::from_utf8_lossy(event.value().unwrap_or_default())),
            Err(undecodable) => undecodable.into(),
        });
    }
    Ok(())
}

/// The record's own headers: those of an earlier hop are replaced.
fn own(headers: &[HeaderBytes]) -> Vec<&HeaderBytes> {
    let replaced = |name: &[u8]| name.starts_with(b"kafka_dlt-") || (name.starts_with(b"onceward-") && name != b"onceward-id");
    headers.iter().filter(|(name, _)| !replaced(name)).collect()
}

fn last<'a>(letter: &'a Bytes, name: &str) -> &'a [u8] {
    letter.headers.iter().rev().find(|(found, _)| found == name.as_bytes()).unwrap().1.as_deref().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_record_is_handled_or_becomes_a_letter_that_is_the_record() {
    support::logs();
    let broker = Broker::start(&TOPICS, "g", 2);
    let records = records();
    for topic in TOPICS {
        write(&broker, topic, &records);
    }
    let app = Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(1).first(Duration::from_millis(1)))
        .kafka("session.timeout.ms", "4000")
        .configure(|config| {
            let pointed = config.topics.entry("pointed".to_owned()).or_default();
            pointed.event_id = Some("json:/id".to_owned());
            pointed.order_key = Some("json:/k".to_owned());
        })
        .build()
        .unwrap()
        .on_topics(TOPICS, handle);
    let metrics = app.metrics();
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.failed_attempts, summary.abandoned), (0, 0), "no handler panicked");
    let total = u64::try_from(TOPICS.len() * records.len()).unwrap();
    assert_eq!(summary.handled + summary.duplicates + summary.dead_letters, total, "{summary:?}");
    assert!(summary.duplicates > 0 && summary.identity_conflicts > 0, "the records collide, too: {summary:?}");
    assert!(metrics.prometheus().ends_with("# EOF\n"));

    let mut letters_in_all = 0;
    for topic in TOPICS {
        let sources = stored(&broker, topic);
        assert_eq!(sources.len(), records.len(), "the mock's log is whole");
        let letters = stored(&broker, &format!("{topic}.g.dlt"));
        letters_in_all += letters.len();
        let mut lettered = BTreeMap::new();
        for ((partition, _), letter) in &letters {
            let offset = i64::from_be_bytes(last(letter, "kafka_dlt-original-offset").try_into().unwrap());
            assert_eq!(last(letter, "kafka_dlt-original-partition"), partition.to_be_bytes());
            assert_eq!(last(letter, "kafka_dlt-original-topic"), topic.as_bytes());
            let source = &sources[&(*partition, offset)];
            assert_eq!((&letter.key, &letter.value), (&source.key, &source.value));
            let own = own(&source.headers);
            assert!(letter.headers.len() > own.len() && letter.headers.iter().take(own.len()).eq(own), "headers in order, as they were");
            let reason = String::from_utf8(last(letter, "onceward-reason").to_vec()).unwrap();
            assert!(lettered.insert((*partition, offset), reason).is_none(), "one letter per record");
        }
        // What has no id but its place is neither a copy nor a conflict: the handler alone decides.
        let known = |name: &[u8]| matches!(name, b"onceward-id" | b"ce_id" | b"ce_source" | b"content-type");
        for (place, record) in sources.iter().filter(|(_, record)| topic == "plain" && !record.headers.iter().any(|(name, _)| known(name)))
        {
            let refused = is_refused(record.key.as_deref(), record.value.as_deref(), record.headers.len());
            assert_eq!(lettered.contains_key(place), refused, "{place:?}");
        }
        let huge = sources
            .iter()
            .filter(|(_, record)| record.headers.len() >= 10_000 || record.value.as_ref().is_some_and(|value| value.len() >= 1_000_000));
        assert_eq!(huge.filter(|(place, _)| lettered.contains_key(place)).count(), 2, "the largest ones are among the letters");
        if topic == "pointed" {
            assert!(lettered.values().filter(|reason| *reason == "undecodable").count() > records.len() / 2, "most values are no JSON");
        }
    }
    assert_eq!(summary.dead_letters, u64::try_from(letters_in_all).unwrap());
}
