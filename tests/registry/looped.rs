//! Schemas in the loop: a real Kafka, and a registry that fails on request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::config::raw;
use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Error, Event, Failure, Metrics, SchemaId, Summary};
use onceward_schema::framing;
use onceward_tests::kafka::{self, Outgoing};
use onceward_tests::registry::{Fault, StubRegistry};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const V1: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}"#;

type Seen = Arc<Mutex<Vec<(Option<SchemaId>, Value)>>>;

pub(crate) struct Service {
    brokers: String,
    topic: String,
    group: String,
    seen: Seen,
    folder: tempfile::TempDir,
}

pub(crate) struct Running {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<Summary, Error>>,
    metrics: Arc<Metrics>,
}

impl Running {
    fn shows(&self, line: &str) -> Option<()> {
        self.metrics.prometheus().lines().any(|one| one == line).then_some(())
    }

    pub(crate) fn stop(self) {
        drop(self.stop);
        self.runtime.block_on(self.task).unwrap().unwrap();
    }
}

impl Service {
    pub(crate) fn new(name: &str) -> Self {
        let (brokers, folder) = (kafka::brokers(), tempfile::tempdir().unwrap());
        let (topic, group) = (kafka::unique(name), kafka::unique(name));
        kafka::create(&brokers, &topic, 1, &[]);
        Self { brokers, topic, group, seen: Seen::default(), folder }
    }

    fn builder(&self, stub: &str, schema: raw::TopicSchema) -> Builder {
        let topic = self.topic.clone();
        Consumer::builder()
            .brokers(self.brokers.clone())
            .group(self.group.clone())
            .inbox(format!("sqlite:{}", self.folder.path().join("inbox.db").display()))
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .create_topics(true)
            .retry(Backoff::new().attempts(3).first(Duration::from_millis(10)).max(Duration::from_millis(20)))
            .configure(move |config| {
                let timeout = Some(raw::DurationText("2s".to_owned()));
                config.registry = Some(raw::Registry { url: Some(stub.to_owned()), timeout, ..raw::Registry::default() });
                config.topics.entry(topic).or_default().schema = Some(schema);
            })
    }

    pub(crate) fn start(&self, stub: &str, schema: raw::TopicSchema) -> Running {
        let seen = Arc::clone(&self.seen);
        let handler = move |event: Event| {
            let seen = Arc::clone(&seen);
            async move {
                let body: Value = event.json()?;
                seen.lock().unwrap().push((event.schema().cloned(), body));
                Ok::<(), Failure>(())
            }
        };
        let app = self.builder(stub, schema).build().unwrap().on(self.topic.clone(), handler);
        let metrics = app.metrics();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move { app.run(async move { drop(stopped.await) }).await });
        Running { runtime, stop, task, metrics }
    }

    pub(crate) fn send(&self, values: &[(&str, Vec<u8>)]) {
        let records: Vec<Outgoing> = values
            .iter()
            .map(|(key, value)| Outgoing { key: Some(key.as_bytes().to_vec()), value: Some(value.clone()), ..Outgoing::default() })
            .collect();
        kafka::produce(&self.brokers, &self.topic, &records);
    }

    pub(crate) fn handled(&self, count: usize) -> Vec<(Option<SchemaId>, Value)> {
        kafka::until(&format!("{count} events are handled"), || {
            let seen = self.seen.lock().unwrap();
            (seen.len() >= count).then(|| seen.clone())
        })
    }

    pub(crate) fn letters(&self, count: usize) -> Vec<kafka::Stored> {
        let topic = format!("{}.{}.dlt", self.topic, self.group);
        kafka::until(&format!("{count} dead letters"), || {
            let stored = kafka::read_all(&self.brokers, &topic);
            (stored.len() >= count).then_some(stored)
        })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            kafka::delete(&self.brokers, &self.topic);
        }
    }
}

pub(crate) fn framed(id: u32, value: &[u8]) -> Vec<u8> {
    framing::write(id, value)
}

#[test]
fn values_of_two_writers_are_read_with_the_readers_schema_and_each_says_which_wrote_it() {
    let stub = StubRegistry::default();
    let (first, second) = (stub.register("orders-value", "AVRO", V1, &[]), stub.register("orders-value", "AVRO", V2, &[]));
    let service = Service::new("schemas");
    let reader = service.folder.path().join("order.avsc");
    let renamed = V1.replace(r#""name":"id""#, r#""name":"number","aliases":["id"]"#);
    std::fs::write(&reader, renamed).unwrap();
    let running = service.start(&stub.url(), raw::TopicSchema { file: Some(reader.display().to_string()), ..raw::TopicSchema::default() });
    service.send(&[("a", framed(first, b"\x04a1")), ("b", framed(second, b"\x04b1\x0a")), ("a", framed(first, b"\x04a2"))]);
    let mut handled = service.handled(3);
    handled.sort_by_key(|(_, body)| body.to_string());
    let expected = [(first, "a1"), (first, "a2"), (second, "b1")]
        .map(|(id, number)| (Some(SchemaId::Number(id)), serde_json::json!({"number": number})));
    assert_eq!(handled, expected);
    assert_eq!(stub.asked().len(), 2, "each schema is asked for once: {:?}", stub.asked());
    running.stop();
}

#[test]
fn what_can_t_be_decoded_is_a_letter_at_once_and_its_bytes_are_as_they_came() {
    let stub = StubRegistry::default();
    let good = stub.register("orders-value", "AVRO", V2, &[]);
    let hostile = stub.register("hostile", "AVRO", "{\"type\":\"record\"", &[]);
    let remote = stub.register("remote", "JSON", r#"{"$ref":"http://127.0.0.1:9/order.json"}"#, &[]);
    let service = Service::new("undecodable");
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    let values = [
        ("short", framed(good, b"\x04a1"), "undecodable", "schema 1: $.total: it ends in the middle of a value"),
        ("plain", b"{}".to_vec(), "undecodable", "$: it begins with the byte 123 and not with a schema id"),
        ("hostile", framed(hostile, b"x"), "undecodable", "schema 2 can't be used: "),
        ("remote", framed(remote, b"{}"), "undecodable", "schema 3 can't be used: "),
        ("negative", b"\0\xff\xff\xff\xff".to_vec(), "undecodable", "$: its schema id is negative"),
        ("unknown", framed(77, b"x"), "exhausted", "schema 77: "),
        ("guid", [&[1][..], &[7; 16], b"x"].concat(), "exhausted", "schema 07070707-0707"),
    ];
    service.send(&values.iter().map(|(key, value, ..)| (*key, value.clone())).collect::<Vec<_>>());
    service.send(&[("short", framed(good, b"\x04a1\x0a"))]);
    assert_eq!(service.handled(1)[0].1, serde_json::json!({"id": "a1", "total": 5}), "others go on");
    let letters = service.letters(values.len());
    for (key, value, reason, message) in values {
        let letter = letters.iter().find(|letter| letter.key.as_deref() == Some(key.as_bytes())).unwrap();
        assert_eq!((letter.value.as_deref(), letter.header("onceward-reason").as_deref()), (Some(&value[..]), Some(reason)), "{key}");
        let said = letter.header("kafka_dlt-exception-message").unwrap();
        assert!(said.contains(message), "{key}: {said}");
        let attempts = letter.header("onceward-attempts").unwrap();
        assert_eq!(attempts, if reason == "exhausted" { "3" } else { "1" }, "{key}");
    }
    running.stop();
}

#[test]
fn while_the_registry_is_away_the_topic_waits_and_nothing_is_given_up() {
    let faults = [Fault::Status(500), Fault::Silent, Fault::WrongId, Fault::Page];
    std::thread::scope(|scope| faults.iter().for_each(|fault| drop(scope.spawn(move || waits(fault)))));
}

fn waits(fault: &Fault) {
    let stub = StubRegistry::default();
    let (first, second) = (stub.register("orders-value", "AVRO", V1, &[]), stub.register("orders-value", "AVRO", V2, &[]));
    let service = Service::new("away");
    stub.fail(fault.clone());
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    service.send(&[("a", framed(first, b"\x04a1")), ("b", framed(second, b"\x04b1\x0a")), ("a", framed(first, b"\x04a2"))]);
    kafka::until("the topic is paused", || running.shows(r#"onceward_paused{reason="registry"} 1"#));
    // The first probe has failed, too: with three attempts, events would be letters by now if any counted.
    kafka::until("it is asked again", || (stub.asked().len() >= 3).then_some(()));
    assert!(service.seen.lock().unwrap().is_empty(), "{fault:?}");
    stub.fail(Fault::None);
    let handled = service.handled(3);
    kafka::until("it is not paused any more", || running.shows(r#"onceward_paused{reason="registry"} 0"#));
    let order: Vec<&Value> = handled.iter().map(|(_, body)| &body["id"]).filter(|id| id.as_str().unwrap().starts_with('a')).collect();
    assert_eq!(order, ["a1", "a2"], "{fault:?}: one key, in order");
    kafka::until("the offset is committed", || {
        (kafka::committed(&service.brokers, &service.group, &service.topic).get(&0) == Some(&3)).then_some(())
    });
    let letters = kafka::read_all(&service.brokers, &format!("{}.{}.dlt", service.topic, service.group));
    assert!(letters.is_empty(), "{fault:?}: an outage is not poison");
    running.stop();
}

#[test]
fn a_service_that_waits_for_the_registry_ends_when_it_is_told_and_goes_on_in_its_next_life() {
    let stub = StubRegistry::default();
    let first = stub.register("orders-value", "AVRO", V1, &[]);
    let service = Service::new("ends");
    stub.fail(Fault::Gone);
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    service.send(&[("a", framed(first, b"\x04a1"))]);
    kafka::until("the topic is paused", || running.shows(r#"onceward_paused{reason="registry"} 1"#));
    running.stop();
    assert!(service.seen.lock().unwrap().is_empty());
    stub.fail(Fault::None);
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    assert_eq!(service.handled(1).len(), 1);
    running.stop();
}

#[test]
fn a_known_schema_is_read_while_the_registry_is_away() {
    let stub = StubRegistry::default();
    let first = stub.register("orders-value", "AVRO", V1, &[]);
    let service = Service::new("known");
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    service.send(&[("a", framed(first, b"\x04a1"))]);
    service.handled(1);
    stub.fail(Fault::Gone);
    service.send(&[("a", framed(first, b"\x04a2"))]);
    assert_eq!(service.handled(2).len(), 2);
    running.stop();
}

#[test]
fn protobuf_and_json_are_read_by_what_the_registry_has() {
    let stub = StubRegistry::default();
    stub.register("money.proto", "PROTOBUF", r#"syntax = "proto3"; package shop; message Money { int64 cents = 1; }"#, &[]);
    let proto = r#"syntax = "proto3"; package shop; import "money.proto"; message A { string a = 1; } message B { Money total = 1; }"#;
    let proto = stub.register("b", "PROTOBUF", proto, &[("money.proto", "money.proto", 1)]);
    let json = stub.register("c", "JSON", r#"{"type":"object"}"#, &[]);
    let service = Service::new("formats");
    let running = service.start(&stub.url(), raw::TopicSchema::default());
    service.send(&[("a", framed(proto, b"\x02\x02\x0a\x02\x08\x0a")), ("a", framed(json, br#"{"x":1}"#))]);
    let handled: Vec<Value> = service.handled(2).into_iter().map(|(_, body)| body).collect();
    assert_eq!(handled, [serde_json::json!({"total": {"cents": 10}}), serde_json::json!({"x": 1})]);
    running.stop();
}
