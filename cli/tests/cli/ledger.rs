//! Letters with a ledger, against a real broker. Who owns the partitions is played by the test: it writes what an owner writes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use onceward::ledger::{Claim, Command, LetterRecord, LetterState, Offset, Record, Verb, encode, key_digest};
use onceward::letter::letter_id;
use onceward::wire::{letter, spring};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Message as _, TopicPartitionList};
use serde_json::Value;

use crate::run::{Answer, onceward};

static NUMBER: AtomicU64 = AtomicU64::new(0);
pub(crate) const DAY: i64 = 86_400_000;

pub(crate) struct World {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) now: i64,
    folder: tempfile::TempDir,
    producer: ThreadedProducer<DefaultProducerContext>,
    /// Deleted at the end.
    created: Mutex<Vec<String>>,
}

pub(crate) fn record(offset: i64, state: LetterState, key: &str, fingerprint: &str, place: i64) -> LetterRecord {
    LetterRecord {
        offset: Offset(offset),
        epoch: Offset(0),
        state,
        replays: 0,
        key: Some(key_digest(key.as_bytes())),
        holds: true,
        letter: Offset(place),
        reason: onceward_engine::Reason::Exhausted,
        fingerprint: fingerprint.to_owned(),
        time: 0,
        again: 0,
    }
}

impl World {
    /// A source topic with two partitions, its dead-letter topic and its ledger.
    pub(crate) fn new() -> Self {
        let brokers = std::env::var("ONCEWARD_TEST_BROKERS").expect("this test needs a real Kafka: run it with `cargo xtask test`");
        let topic = format!("ledger-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
        let producer = ClientConfig::new().set("bootstrap.servers", &brokers).set("linger.ms", "5").create().unwrap();
        let world = Self { brokers, topic, now, folder: tempfile::tempdir().unwrap(), producer, created: Mutex::default() };
        world.create(&[&world.topic, &world.letters(), &world.ledger()]);
        world
    }

    pub(crate) fn letters(&self) -> String {
        format!("{}.billing.dlt", self.topic)
    }

    pub(crate) fn ledger(&self) -> String {
        format!("{}.billing.ledger", self.topic)
    }

    pub(crate) fn create(&self, names: &[&str]) {
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let topics: Vec<NewTopic<'_>> = names.iter().map(|name| self.new_topic(name)).collect();
        self.created.lock().unwrap().extend(names.iter().map(|name| (*name).to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(admin.create_topics(&topics, &AdminOptions::new())).unwrap().into_iter().for_each(|made| drop(made.unwrap()));
    }

    /// As a consumer wants its companions to be.
    fn new_topic<'a>(&self, name: &'a str) -> NewTopic<'a> {
        let topic = NewTopic::new(name, 2, TopicReplication::Fixed(1));
        if name == self.letters() {
            topic.set("max.message.bytes", "2000000").set("retention.ms", "604800000")
        } else if name == self.ledger() {
            topic.set("cleanup.policy", "compact")
        } else {
            topic
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        let environment = [
            ("ONCEWARD_BROKERS", self.brokers.as_str()),
            ("ONCEWARD_GROUP", "billing"),
            ("ONCEWARD_INBOX", "memory"),
            ("ONCEWARD_AUTO_OFFSET_RESET", "error"),
            ("USER", "ada"),
            ("HOSTNAME", "host"),
        ];
        let topic = ["--topic", &self.topic];
        let named = arguments.contains(&"--dead-letters") || arguments.get(1) == Some(&"show") && arguments[2].contains(':');
        onceward(self.folder.path(), &[arguments, if named { &[] } else { &topic }].concat(), &environment)
    }

    pub(crate) fn json(&self, arguments: &[&str], code: i32) -> Value {
        let answer = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(answer.code, code, "{arguments:?}: {}{}", answer.stdout, answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    pub(crate) fn id(&self, partition: i32, offset: i64) -> String {
        letter_id("billing", &self.topic, partition, offset)
    }

    /// Stores a letter as a consumer writes it.
    pub(crate) fn letter(&self, partition: i32, offset: i64, key: &str, fingerprint: &str) {
        self.letter_of(partition, offset, key, fingerprint, &[0xff, 0x00]);
    }

    pub(crate) fn letter_of(&self, partition: i32, offset: i64, key: &str, fingerprint: &str, value: &[u8]) {
        let id = self.id(partition, offset);
        let headers = [
            ("ce_type", b"order.placed".as_slice()),
            (spring::TOPIC, self.topic.as_bytes()),
            (spring::PARTITION, &partition.to_be_bytes()),
            (spring::OFFSET, &offset.to_be_bytes()),
            (spring::FQCN, b"ValueError"),
            (spring::MESSAGE, b"no total"),
            (letter::ID, id.as_bytes()),
            (letter::REASON, b"exhausted"),
            (letter::FINGERPRINT, fingerprint.as_bytes()),
        ];
        let headers = headers.into_iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
        self.store(&self.letters(), partition, Some(key.as_bytes()), Some(value), headers);
    }

    pub(crate) fn store(&self, topic: &str, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>, headers: OwnedHeaders) {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).headers(headers);
        (record.key, record.payload) = (key, value);
        let mut record = Some(record);
        while let Some(next) = record.take() {
            match self.producer.send(next) {
                Ok(()) => {}
                // A hundred thousand records are more than the client takes at once.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    self.flush();
                    record = Some(back);
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }

    pub(crate) fn note(&self, partition: i32, record: &Record) {
        let (key, value) = encode(record, &NUMBER.fetch_add(1, Ordering::Relaxed).to_string());
        self.store(&self.ledger(), partition, Some(key.to_string().as_bytes()), Some(&value), OwnedHeaders::new());
    }

    pub(crate) fn claim(&self, partition: i32) {
        let claim = Claim { prev: None, member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: self.now };
        self.note(partition, &Record::Claim(claim));
    }

    /// A letter and its ledger record; `ago` in days.
    pub(crate) fn known(&self, partition: i32, ago: i64, mut known: LetterRecord) {
        known.time = self.now - ago * DAY;
        self.note(partition, &Record::Letter(known));
    }

    pub(crate) fn flush(&self) {
        self.producer.flush(Duration::from_secs(20)).unwrap();
    }

    /// Every record of a topic: partition, key, value, headers.
    pub(crate) fn read(&self, topic: &str) -> Vec<Stored> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "reader")
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut places = TopicPartitionList::new();
        (0..2).for_each(|partition| places.add_partition_offset(topic, partition, rdkafka::Offset::Beginning).unwrap());
        consumer.assign(&places).unwrap();
        let (mut all, mut open) = (Vec::new(), 2);
        while open > 0 {
            match consumer.poll(Duration::from_secs(20)).expect("a record or an end") {
                Ok(message) => all.push(Stored {
                    partition: message.partition(),
                    key: message.key().map(<[u8]>::to_vec),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: message.headers().map_or_else(Vec::new, |headers| {
                        headers.iter().map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec))).collect()
                    }),
                }),
                Err(KafkaError::PartitionEOF(_)) => open -= 1,
                Err(error) => panic!("{error}"),
            }
        }
        all
    }

    /// The commands that stand in the ledger.
    pub(crate) fn commands(&self) -> Vec<(i32, Command)> {
        let stored = self.read(&self.ledger());
        let decoded = stored.iter().filter_map(|stored| {
            let record = onceward::ledger::decode(stored.key.as_deref()?, stored.value.as_deref()?).ok()?.1;
            if let Record::Command(command) = record { Some((stored.partition, command)) } else { None }
        });
        decoded.collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) partition: i32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let names = self.created.lock().unwrap();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        drop(runtime.block_on(admin.delete_topics(&names, &AdminOptions::new())));
    }
}

/// Partition 0: `a` failed at 10 and holds 12 and 13, `b` failed at 11, `c` failed at 9 and is done, a stranger. Partition 1: `d` failed at 5
/// and five replays of it, `e` failed at 6 and its record is gone; a copy that nobody knows.
fn usual() -> World {
    use LetterState::{Done, Held, Open};
    let world = World::new();
    for (offset, key, fingerprint) in [(9, "c", "aa11"), (10, "a", "aa11"), (11, "b", "bb22"), (12, "a", ""), (13, "a", "")] {
        world.letter(0, offset, key, fingerprint);
    }
    world.letter(1, 5, "d", "aa11");
    world.letter(1, 5, "d", "aa11");
    world.claim(0);
    world.claim(1);
    world.known(0, 9, record(9, Open, "c", "aa11", 0));
    world.known(0, 3, record(10, Open, "a", "aa11", 1));
    world.known(0, 2, record(11, Open, "b", "bb22", 2));
    let held = LetterRecord { reason: onceward_engine::Reason::HeldBehind, ..record(12, Held, "a", "", 3) };
    world.known(0, 1, held.clone());
    world.known(0, 1, LetterRecord { offset: Offset(13), letter: Offset(4), ..held });
    world.known(0, 1, record(9, Done, "c", "", 0));
    world.store(&world.ledger(), 0, Some(b"who/am/i"), Some(b"?"), OwnedHeaders::new());
    world.known(1, 4, LetterRecord { replays: 5, ..record(5, Open, "d", "aa11", 0) });
    world.known(1, 30, record(6, Open, "e", "cc33", 7));
    world.flush();
    world
}

#[test]
fn letters_are_listed_as_the_ledger_says_and_a_copy_is_none() {
    let world = usual();
    let answer = world.run(&["dlt", "list", "--json"]);
    let list: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&list["letters"], &list["orphans"], &list["expired"]), (&5.into(), &1.into(), &1.into()), "{list:#}");
    assert!(answer.stderr.contains("1 records are no letters of a ledger") && answer.stderr.contains("retention deleted them"));
    assert!(answer.stderr.contains("1 records of the ledger can't be read") && answer.stderr.contains("offset 7"), "{}", answer.stderr);
    let group = &list["groups"][0];
    assert_eq!(
        (&group["fingerprint"], &group["count"], &group["open"], &group["held"], &group["done"], &group["keys"]),
        (&"aa11".into(), &4.into(), &2.into(), &2.into(), &1.into(), &2.into()),
        "{list:#}"
    );
    assert_eq!(list["groups"][1]["fingerprint"], "bb22");
    let all = world.json(&["dlt", "list", "--all"], 0);
    assert_eq!(all["letters"], 7, "five that are not settled, one that is, and the copy: {all:#}");

    let followers = world.run(&["dlt", "export", "--key", "a"]).stdout;
    let states: Vec<Value> = followers.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = states.iter().map(|one| (one["state"].as_str().unwrap(), one["waits_for"]["offset"].as_i64())).collect();
    assert_eq!(told, [("open", None), ("held", Some(10)), ("held", Some(10))], "{followers}");

    let shown = world.run(&["dlt", "show", &world.id(0, 13)]).stdout;
    assert!(shown.contains("state           held") && shown.contains(&format!("waits for       letter {}", world.id(0, 10))), "{shown}");
    let copy = world.json(&["dlt", "show", &format!("{}:1:1", world.letters())], 0);
    assert_eq!((&copy["state"], &copy["dialect"]), (&"orphan".into(), &"onceward".into()));

    let held = world.json(&["held"], 0);
    let key = &held["keys"][0];
    assert_eq!(held["keys"].as_array().unwrap().len(), 1, "{held:#}");
    assert_eq!(
        (&key["key"]["utf8"], &key["behind"], &key["fingerprint"], &key["letter_id"], &key["asked"]),
        (&"a".into(), &2.into(), &"aa11".into(), &world.id(0, 10).into(), &false.into())
    );
}

#[test]
fn a_replay_names_what_was_seen_and_is_not_asked_for_twice() {
    let world = usual();
    let dry = world.json(&["dlt", "replay"], 0);
    let plan = &dry["topics"][0];
    assert_eq!((&dry["done"], &dry["letters"], &plan["past_max_replays"]), (&false.into(), &3.into(), &1.into()), "{dry:#}");
    assert_eq!(plan["followers"], 2);
    assert!(world.commands().is_empty(), "a dry run writes nothing");

    let done = world.json(&["dlt", "replay", "--fingerprint", "aa", "--yes", "--rate", "2.5"], 0);
    assert_eq!((&done["letters"], done["commands"].as_array().unwrap().len()), (&1.into(), 1), "{done:#}");
    let (partition, command) = world.commands().remove(0);
    assert_eq!((partition, command.verb, command.force, command.rate), (0, Verb::Replay, false, Some(2_500)));
    assert_eq!((command.letters, command.who.as_str()), (vec![(Offset(10), 0)], "ada@host"));
    assert_eq!(command.id, done["commands"][0]["id"].as_str().unwrap());
    assert_eq!(uuid::Uuid::parse_str(&command.id).unwrap().get_version_num(), 7);
    let shown = world.json(&["dlt", "show", &world.id(0, 10)], 0);
    assert_eq!((&shown["commands"][0]["verb"], &shown["commands"][0]["who"]), (&"replay".into(), &"ada@host".into()));

    let again = world.json(&["dlt", "replay", "--fingerprint", "aa", "--yes"], 0);
    assert_eq!((&again["letters"], &again["topics"][0]["asked_before"]), (&0.into(), &1.into()), "{again:#}");
    let forced = world.json(&["dlt", "replay", "--partition", "1", "--key", "d", "--force", "--yes"], 0);
    assert_eq!(forced["letters"], 1);
    let (_, command) = world.commands().into_iter().find(|(partition, _)| *partition == 1).unwrap();
    assert_eq!((command.letters, command.force), (vec![(Offset(5), 5)], true));

    let follower = world.run(&["dlt", "replay", "--letter", &world.id(0, 12)]);
    let told = format!("letter {} runs when letter {} is settled", world.id(0, 12), world.id(0, 10));
    assert!(follower.code == 0 && follower.stdout.contains(&told), "{}", follower.stdout);

    let stop = world.json(&["dlt", "stop", "--fingerprint", "aa", "--partition", "0", "--yes"], 0);
    assert_eq!((&stop["verb"], &stop["letters"]), (&"stop".into(), &1.into()), "{stop:#}");
    assert_eq!(world.json(&["dlt", "show", &world.id(0, 10)], 0)["commands"], Value::Array(Vec::new()));
}

#[test]
fn letters_are_chosen_by_time_count_and_key_and_many_are_split() {
    let world = World::new();
    world.claim(0);
    for offset in 0..2_500 {
        let key = record(offset, LetterState::Open, "", "aa11", offset).key.filter(|_| offset != 7);
        world.known(
            0,
            if offset < 100 { 2 } else { 1 },
            LetterRecord { key, holds: false, ..record(offset, LetterState::Open, "k", "aa11", offset) },
        );
    }
    for offset in 0..10 {
        world.letter(0, offset, if offset == 7 { "seven" } else { "k" }, "aa11");
    }
    world.flush();
    let all = world.json(&["dlt", "replay", "--yes"], 0);
    let written = all["commands"].as_array().unwrap();
    assert_eq!((&all["letters"], written.len()), (&2_500.into(), 3), "{written:?}");
    let mut named: Vec<i64> = world.commands().iter().flat_map(|(_, command)| command.letters.iter().map(|(offset, _)| offset.0)).collect();
    named.sort_unstable();
    assert_eq!(named, (0..2_500).collect::<Vec<_>>(), "each letter is named once");
    let count = |arguments: &[&str]| world.json(&[&["dlt", "discard"], arguments].concat(), 0)["letters"].as_u64().unwrap();
    assert_eq!(count(&["--until", "36h"]), 100);
    assert_eq!(count(&["--since", "36h"]), 2_400);
    assert_eq!(count(&["--since", "36h", "--limit", "7"]), 7);
    assert_eq!(count(&["--key", "seven"]), 1, "the ledger knows no key of it, its record does");
    assert_eq!(count(&["--partition", "1"]), 0);
}

#[test]
fn waiting_ends_with_the_truth() {
    let world = usual();
    let (answer, ()) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| world.run(&["dlt", "replay", "--partition", "0", "--yes", "--wait", "--json"]));
        // The owner: it sees the command, handles one letter, and one fails again; a follower runs by itself, and the next one fails.
        while world.commands().is_empty() {
            assert!(!waiting.is_finished(), "it ended before anybody did anything: {:?}", waiting.join().map(|answer| answer.stderr));
        }
        world.known(0, 0, record(10, LetterState::Done, "a", "", 1));
        world.known(0, 0, LetterRecord { replays: 1, ..record(11, LetterState::Open, "b", "", 2) });
        world.known(0, 0, record(12, LetterState::Done, "a", "", 3));
        world.known(0, 0, record(13, LetterState::Open, "a", "", 4));
        world.flush();
        (waiting.join().unwrap(), ())
    });
    let document: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr));
    let outcome: BTreeMap<String, u64> = serde_json::from_value(document["outcome"].clone()).unwrap();
    assert_eq!((outcome["done"], outcome["failed"], outcome["waiting"], answer.code), (2, 2, 0, 1), "{document:#}");

    let nobody = world.run(&["dlt", "replay", "--partition", "0", "--yes", "--wait=1s"]);
    assert!(nobody.code == 1 && nobody.stdout.contains("2 not settled yet"), "{}{}", nobody.stdout, nobody.stderr);
}

#[test]
fn a_discard_says_who_is_released() {
    let world = usual();
    let dry = world.run(&["dlt", "discard", "--letter", &world.id(0, 10)]);
    assert!(dry.code == 0 && dry.stdout.contains("2 letters of the same keys: released then, in order"), "{}", dry.stdout);
    let done = world.json(&["dlt", "discard", "--key", "a", "--yes"], 0);
    assert_eq!((&done["letters"], &done["topics"][0]["released"]), (&3.into(), &0.into()), "{done:#}");
    let (_, command) = world.commands().remove(0);
    assert_eq!((command.verb, command.letters), (Verb::Discard, vec![(Offset(10), 0), (Offset(12), 0), (Offset(13), 0)]));
}

#[test]
fn what_a_later_version_wrote_is_not_guessed_at() {
    let world = usual();
    world.store(&world.ledger(), 1, Some(b"letter/17/0/open-0"), Some(br#"{"v":2}"#), OwnedHeaders::new());
    world.flush();
    for command in [&["dlt", "list"][..], &["dlt", "replay", "--yes"], &["held"]] {
        let answer = world.run(command);
        let place = format!("{}, partition 1, offset 3", world.ledger());
        assert!(
            answer.code == 3 && answer.stderr.contains(&place) && answer.stderr.contains("Update this program first"),
            "{}",
            answer.stderr
        );
    }
    assert!(world.commands().is_empty());
}

#[test]
fn letters_that_retention_took_are_said_and_the_rest_goes_on() {
    let world = usual();
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &world.brokers).create().unwrap();
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(&world.letters(), 0, rdkafka::Offset::Offset(2)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.delete_records(&gone, &AdminOptions::new())).unwrap();
    let list = world.json(&["dlt", "list"], 0);
    assert_eq!((&list["letters"], &list["expired"]), (&4.into(), &2.into()), "{list:#}");
    let held = world.json(&["held"], 0);
    assert_eq!((&held["keys"][0]["key"], &held["keys"][0]["behind"]), (&Value::Null, &2.into()), "{held:#}");
    let shown = world.run(&["dlt", "show", &world.id(0, 10)]);
    assert!(shown.code == 1 && shown.stderr.contains("retention may have deleted it"), "{}", shown.stderr);
    assert_eq!(world.json(&["dlt", "replay", "--key", "a"], 0)["letters"], 1, "the owner says what it finds");
}
