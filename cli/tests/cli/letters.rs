//! Dead letters and the doctor, against librdkafka's mock cluster.

use std::time::Duration;

use onceward::wire::{letter, spring};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};

use crate::run::{Answer, onceward};

const POISON: &[u8] = &[0xff, 0x00, 0x1b];

struct World {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        for topic in ["orders", "orders.billing.dlt", "payments"] {
            cluster.create_topic(topic, 2, 1).unwrap();
        }
        Self { cluster, folder: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Answer {
        let brokers = self.cluster.bootstrap_servers();
        let environment = [
            ("ONCEWARD_BROKERS", brokers.as_str()),
            ("ONCEWARD_GROUP", "billing"),
            ("ONCEWARD_INBOX", "memory"),
            ("ONCEWARD_AUTO_OFFSET_RESET", "error"),
        ];
        onceward(self.folder.path(), arguments, &environment)
    }

    fn write(&self) {
        let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", self.cluster.bootstrap_servers()).create().unwrap();
        for number in 0..5_i64 {
            let id = format!("letter{number}");
            let fingerprint = if number < 4 { "aa11aa11aa11aa11" } else { "bb22bb22bb22bb22" };
            let (offset, failed) = (number.to_be_bytes(), format!("2013-01-01T00:00:0{number}.000Z"));
            let headers = [
                ("ce_type", b"order.placed\x1b[2J".as_slice()),
                (spring::TOPIC, b"orders"),
                (spring::PARTITION, &0_i32.to_be_bytes()),
                (spring::OFFSET, &offset),
                (spring::FQCN, b"ValueError"),
                (spring::MESSAGE, b"no total\x1b]0;pwned\x07"),
                (letter::ID, id.as_bytes()),
                (letter::REASON, b"exhausted"),
                (letter::FINGERPRINT, fingerprint.as_bytes()),
                (letter::LAST_FAILED_AT, failed.as_bytes()),
            ];
            let headers = headers.into_iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
            let headers = headers.insert(Header { key: "nothing", value: None::<&[u8]> });
            let (key, payload) = (format!("k{}", number % 2), if number == 4 { POISON } else { br#"{"total":null}"# });
            let record =
                BaseRecord::<[u8], [u8]>::to("orders.billing.dlt").partition(i32::from(number == 4)).headers(headers).payload(payload);
            // The poison has bytes that are no text, and no key.
            let record = if number == 4 { record } else { record.key(key.as_bytes()) };
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(Duration::from_secs(10)).unwrap();
    }
}

fn json(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

#[test]
fn letters_are_listed_by_cause_shown_and_exported_byte_for_byte() {
    let world = World::new();
    let empty = world.run(&["dlt", "list"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (0, "no dead letters in orders.billing.dlt\n"), "{}", empty.stderr);
    world.write();

    let list = json(&world.run(&["dlt", "list", "--json"]));
    assert_eq!((&list["letters"], &list["topics"][0]), (&5.into(), &"orders.billing.dlt".into()));
    let group = &list["groups"][0];
    assert_eq!(
        (&group["count"], &group["keys"], &group["fingerprint"], &group["sample"]),
        (&4.into(), &2.into(), &"aa11aa11aa11aa11".into(), &"letter3".into())
    );
    assert_eq!((&group["first"], &group["last"]), (&"2013-01-01T00:00:00.000Z".into(), &"2013-01-01T00:00:03.000Z".into()));

    let text = world.run(&["dlt", "list", "--fingerprint", "bb"]).stdout;
    assert!(text.contains("ValueError: no total\\x1b]0;pwned\\x07") && !text.contains('\u{1b}') && text.contains("1 letter;"), "{text}");

    let shown = world.run(&["dlt", "show", "letter4"]).stdout;
    assert!(
        shown.contains("origin          orders:0:4\n") && shown.contains("  ce_type: order.placed\\x1b[2J\n  nothing: (null)\n"),
        "{shown}"
    );
    assert!(shown.contains("payload (3 bytes)\n00000000  ff 00 1b") && !shown.contains('\u{1b}'), "{shown}");
    let same = json(&world.run(&["dlt", "show", "orders.billing.dlt:1:0", "--json"]));
    assert_eq!((&same["letter_id"], &same["value"]["base64"], &same["origin"]["offset"]), (&"letter4".into(), &"/wAb".into(), &4.into()));

    let lines = world.run(&["dlt", "export", "--key", "k1"]).stdout;
    let keys: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|letter| letter["key"]["utf8"] == "k1" && letter["value"]["utf8"] == "{\"total\":null}"), "{lines}");

    let absent = world.run(&["dlt", "show", "letter9"]);
    assert!(absent.code == 1 && absent.stderr.contains("no letter letter9 in orders.billing.dlt"), "{}", absent.stderr);
    let missing = world.run(&["dlt", "list", "--topic", "payments"]);
    assert!(missing.code == 1 && missing.stderr.contains("payments.billing.dlt does not exist"), "{}", missing.stderr);
    let nowhere = world.run(&["dlt", "list", "--group", "strangers"]);
    assert!(nowhere.code == 1 && nowhere.stderr.contains("group strangers has no dead-letter topic"), "{}", nowhere.stderr);
}

#[test]
fn an_export_never_replaces_a_file() {
    let world = World::new();
    world.write();
    std::fs::write(world.folder.path().join("kept.jsonl"), "mine").unwrap();
    let refused = world.run(&["dlt", "export", "-o", "kept.jsonl"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(world.folder.path().join("kept.jsonl")).unwrap(), "mine");
    let written = world.run(&["dlt", "export", "-o", "new.jsonl"]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(world.folder.path().join("new.jsonl")).unwrap().lines().count(), 5);
}

#[test]
fn the_doctor_names_what_is_missing_and_its_cure() {
    let world = World::new();
    let doctor = world.run(&["doctor", "--json", "--timeout", "1", "--topic", "orders", "--topic", "invoices"]);
    assert_eq!(doctor.code, 1, "{}", doctor.stderr);
    let document: serde_json::Value = serde_json::from_str(&doctor.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let find = |check: &str, subject: &str| {
        findings
            .iter()
            .find(|finding| finding["check"] == check && finding["subject"] == subject)
            .unwrap_or_else(|| panic!("{check} {subject}: {document:#}"))
    };
    assert_eq!(find("brokers", &world.cluster.bootstrap_servers())["verdict"], "ok");
    assert_eq!(find("address", &world.cluster.bootstrap_servers())["verdict"], "ok");
    assert_eq!(find("topic", "orders")["verdict"], "ok");
    assert_eq!((&find("memory", "this process")["verdict"], &find("files", "this process")["verdict"]), (&"ok".into(), &"ok".into()));
    assert_eq!(find("topic", "invoices")["verdict"], "fail");
    assert_eq!(find("inbox", "memory")["verdict"], "warn");
    assert_eq!(find("companion", "orders.billing.dlt")["verdict"], "ok");
    let ledger = find("companion", "orders.billing.ledger");
    assert!(ledger["verdict"] == "fail" && ledger["cure"].as_str().unwrap().contains("onceward topics apply"));
    assert!(findings.iter().all(|finding| (finding["verdict"] == "ok") == finding["cure"].is_null()), "{document:#}");

    let plan = world.run(&["topics", "plan", "--timeout", "1", "--topic", "orders", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!((plan.code, &document["ok"]), (1, &false.into()), "{}", plan.stderr);
    let states: Vec<&str> = document["topics"].as_array().unwrap().iter().map(|topic| topic["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["ok", "missing"]);
}
