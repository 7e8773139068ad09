//! The recipe "reprocess from Tuesday" (docs/guide/operating.md), step by step, against a real broker.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{AutoOffsetReset, Consumer, Event, Failure};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

use crate::run::{Answer, onceward};

const DAY: i64 = 86_400_000;
static NUMBER: AtomicU64 = AtomicU64::new(0);

pub(crate) struct World {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    tuesday: i64,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    /// Three events on Monday, four on Tuesday (two of them copies of one), in each of two partitions.
    pub(crate) fn new(ids: bool) -> Self {
        let brokers = std::env::var("ONCEWARD_TEST_BROKERS").expect("this test needs a real Kafka: run it with `cargo xtask test`");
        let topic = format!("reprocess-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        let world = Self { tuesday: now - now % DAY - DAY, topic, brokers, folder: tempfile::tempdir().unwrap() };
        world.create();
        let client = ClientConfig::new().set("bootstrap.servers", &world.brokers).clone();
        let producer: ThreadedProducer<DefaultProducerContext> = client.create().unwrap();
        for partition in 0..2 {
            for (number, hours) in [(0, -30), (1, -20), (2, -1), (3, 0), (4, 1), (5, 2), (5, 3)] {
                let (id, value) = (format!("p{partition}e{number}"), format!("p{partition}e{number}"));
                let record =
                    BaseRecord::to(&world.topic).partition(partition).key(&id).payload(&value).timestamp(world.tuesday + hours * 3_600_000);
                let headers = OwnedHeaders::new().insert(Header { key: "onceward-id", value: Some(&id) });
                let record = if ids { record.headers(headers) } else { record };
                producer.send(record).map_err(|(error, _)| error).unwrap();
            }
        }
        producer.flush(Duration::from_secs(20)).unwrap();
        world
    }

    fn create(&self) {
        use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
        let admin: AdminClient<rdkafka::client::DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let topic = NewTopic::new(&self.topic, 2, TopicReplication::Fixed(1));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(admin.create_topics([&topic], &AdminOptions::new())).unwrap().into_iter().for_each(|made| drop(made.unwrap()));
    }

    /// Runs a consumer to the end of the topic; what its handler was given, sorted.
    pub(crate) fn consume(&self) -> Vec<String> {
        let handled = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&handled);
        let app = Consumer::builder()
            .brokers(self.brokers.clone())
            .group(self.topic.clone())
            .inbox(format!("sqlite:{}", self.folder.path().join("billing.db").display()))
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .create_topics(true)
            .build()
            .unwrap()
            .on(self.topic.clone(), move |event: Event| {
                notes.lock().unwrap().push(String::from_utf8_lossy(event.value().unwrap_or_default()).into_owned());
                std::future::ready(Ok::<(), Failure>(()))
            });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(60), app.run_until_end(std::future::pending())).await })
            .unwrap()
            .unwrap();
        let mut handled = handled.lock().unwrap().clone();
        handled.sort_unstable();
        handled
    }

    fn forget(&self, arguments: &[&str]) -> Answer {
        self.run(&[&["inbox", "forget"], arguments].concat())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        let environment = [
            ("ONCEWARD_BROKERS", self.brokers.as_str()),
            ("ONCEWARD_GROUP", &self.topic),
            ("ONCEWARD_INBOX", "sqlite:billing.db"),
            ("ONCEWARD_AUTO_OFFSET_RESET", "earliest"),
        ];
        onceward(self.folder.path(), arguments, &environment)
    }

    /// The line that `inbox forget` prints, run by Kafka's own tool.
    fn reset(&self, said: &str) {
        let line = said.lines().find(|line| line.contains("kafka-consumer-groups.sh")).unwrap_or_else(|| panic!("no command: {said}"));
        let arguments = line.split_whitespace().skip(1);
        let jars = Path::new(&std::env::var("HOME").unwrap()).join(".cache/onceward/kafka-4.1.0/*");
        let output = Command::new("java")
            .arg("-cp")
            .arg(jars)
            .arg("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand")
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.contains("NEW-OFFSET"), "{text}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        use rdkafka::admin::{AdminClient, AdminOptions};
        if std::thread::panicking() {
            return;
        }
        let admin: AdminClient<rdkafka::client::DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let names =
            ["", &format!(".{}.dlt", self.topic), &format!(".{}.ledger", self.topic)].map(|suffix| format!("{}{suffix}", self.topic));
        drop(runtime.block_on(admin.delete_topics(&names.each_ref().map(String::as_str), &AdminOptions::new())));
    }
}

fn tuesdays(last: &[&str]) -> Vec<String> {
    (0..2).flat_map(|partition| last.iter().map(move |name| format!("p{partition}{name}"))).collect()
}

#[test]
fn from_tuesday_on_everything_is_handled_again_and_nothing_of_monday() {
    let world = World::new(true);
    assert_eq!(world.consume().len(), 12, "twelve events, two copies");
    let date = since(world.tuesday);
    let dry = world.forget(&["--since", &date]);
    assert!(
        dry.code == 0 && dry.stdout.contains(&format!("{}: 8 records, 6 marks of ids would be forgotten", world.topic)),
        "{}{}",
        dry.stdout,
        dry.stderr
    );
    assert_eq!(world.consume(), [] as [&str; 0], "a dry run changes nothing");
    let done = world.forget(&["--since", &date, "--yes"]);
    assert!(done.code == 0 && done.stdout.contains("8 records, 6 marks of ids forgotten"), "{}{}", done.stdout, done.stderr);
    world.reset(&done.stdout);
    // `on_rewind` is left at `stop`: the inbox remembers the same offset as the group, so nothing is asked.
    assert_eq!(world.consume(), tuesdays(&["e3", "e4", "e5"]));
    assert_eq!(world.consume(), [] as [&str; 0], "once again, and not twice");
}

#[test]
fn events_without_ids_are_forgotten_by_their_places() {
    let world = World::new(false);
    assert_eq!(world.consume().len(), 14, "without ids, copies are events");
    let done = world.forget(&["--since", &since(world.tuesday), "--yes", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, &document["topics"][0]["marks"]), (0, &0.into()), "{document:#}");
    let moved = &document["topics"][0]["partitions"][0]["moved"];
    assert_eq!((&moved["from"], &moved["to"], &moved["offsets"]), (&7.into(), &3.into(), &4.into()), "{document:#}");
    let text = world.forget(&["--since", &since(world.tuesday), "--yes"]);
    world.reset(&text.stdout);
    assert_eq!(world.consume(), tuesdays(&["e3", "e4", "e5", "e5"]));
}

/// Midnight as the date alone.
fn since(moment: i64) -> String {
    let days = moment / DAY;
    let output = Command::new("date").args(["-u", "-d", &format!("@{}", days * 86_400), "+%Y-%m-%d"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
