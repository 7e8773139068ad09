//! Between the stacks, with the real Spring Kafka: its letters here, ours there. And letters of the stacks that can't be run in a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use onceward::{AutoOffsetReset, Consumer, Event, Failure};
use rdkafka::message::{Header, OwnedHeaders};
use serde_json::Value;

use crate::ledger::World;

/// The program in `tests/spring`, compiled once for all tests here.
fn spring(arguments: &[&str]) -> String {
    static CLASSES: OnceLock<String> = OnceLock::new();
    let classes = CLASSES.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let out: PathBuf = root.join("target/spring");
        let list = out.join("classpath");
        let pom = root.join("tests/spring/pom.xml");
        let mut maven = Command::new("mvn");
        maven.args(["-B", "-q", "-f"]).arg(pom).args(["compile", "dependency:build-classpath"]);
        let built = maven.arg(format!("-Dmdep.outputFile={}", list.display())).output().expect("mvn: install Maven and Java 17");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
        format!("{}:{}", out.join("classes").display(), std::fs::read_to_string(list).unwrap().trim())
    });
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classes, "dev.onceward.spring.Main"]);
    let output = java.args(arguments).output().expect("java: install Java 17");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn headers(pairs: &[(&str, Option<&[u8]>)]) -> OwnedHeaders {
    pairs.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: *value }))
}

#[test]
fn a_letter_that_spring_wrote_is_listed_shown_and_republished() {
    let world = World::new();
    let (letters, target) = (format!("{}-dlt", world.topic), format!("{}.repaired", world.topic));
    world.create(&[&letters, &target]);
    let own: [(&str, Option<&[u8]>); 3] = [("ce_type", Some(b"order")), ("empty", None), ("ce_type", Some(&[0xff]))];
    for number in 0..3_u8 {
        world.store(&world.topic, 1, Some(&[b'k', number]), Some(&[0xff, 0, number]), headers(&own));
    }
    world.store(&world.topic, 0, None, None, headers(&[]));
    world.flush();
    spring(&["write", &world.brokers, &world.topic, "4"]);

    let list = world.json(&["dlt", "list", "--dead-letters", &letters], 0);
    let group = &list["groups"][0];
    assert_eq!((&list["letters"], list["groups"].as_array().unwrap().len()), (&4.into(), 1), "numbers are no causes: {list:#}");
    assert_eq!((&group["dialect"], &group["source_topic"]), (&"spring".into(), &Value::from(world.topic.as_str())));
    assert_eq!(group["error"], "java.lang.IllegalStateException", "the cause, not Spring's wrapper");
    assert!(group["message"].as_str().unwrap().contains("no total in order"), "{group:#}");

    let shown = world.json(&["dlt", "show", &format!("{letters}:1:2")], 0);
    assert_eq!((&shown["origin"]["partition"], &shown["origin"]["offset"]), (&1.into(), &2.into()), "{shown:#}");
    assert_eq!(shown["origin"]["group"], format!("spring-{}", world.topic));
    assert!(shown["error"]["stack"].as_str().unwrap().contains("dev.onceward.spring.Main"));

    let dry = world.json(&["dlt", "republish", "--dead-letters", &letters, "--to", &target, "--original-headers"], 0);
    assert_eq!((&dry["done"], &dry["letters"], world.read(&target).len()), (&false.into(), &4.into(), 0));
    let repaired = ["dlt", "republish", "--dead-letters", &letters, "--to", &target, "--original-headers", "--keep-partition", "--yes"];
    assert_eq!(world.json(&repaired, 0)["letters"], 4);
    let sorted = |topic: &str| {
        let mut all = world.read(topic);
        all.sort_by(|one, other| (one.partition, &one.value).cmp(&(other.partition, &other.value)));
        all
    };
    assert_eq!(sorted(&target), sorted(&world.topic), "byte for byte what the source has, repeated and null headers too");

    let refused = world.run(&["dlt", "republish", "--dead-letters", &letters, "--to", &letters, "--yes"]);
    assert!(refused.code == 2 && refused.stderr.contains("is where these letters come from"), "{}", refused.stderr);
    let missing = world.run(&["dlt", "republish", "--dead-letters", &letters, "--to", "nowhere-at-all", "--yes"]);
    assert!(missing.code == 1 && missing.stderr.contains("nowhere-at-all does not exist"), "{}", missing.stderr);
}

#[test]
fn a_spring_service_reads_our_letters_with_its_own_names() {
    let world = World::new();
    world.store(&world.topic, 1, Some(b"k"), Some(b"{\"total\":null}"), headers(&[("ce_type", Some(b"order"))]));
    world.flush();
    let app = Consumer::builder()
        .brokers(world.brokers.clone())
        .group("billing")
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .build()
        .unwrap()
        .on(world.topic.clone(), |_: Event| std::future::ready(Err::<(), Failure>(Failure::reject("no total in order 7"))));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = async { tokio::time::timeout(std::time::Duration::from_secs(60), app.run_until_end(std::future::pending())).await };
    assert_eq!(runtime.block_on(run).unwrap().unwrap().dead_letters, 1);

    let said = spring(&["read", &world.brokers, &world.letters(), "1"]);
    let fields: Vec<&str> = said.lines().find(|line| line.contains('\t')).unwrap_or_else(|| panic!("{said}")).split('\t').collect();
    let timestamp = world.json(&["dlt", "show", &format!("{}:1:0", world.letters())], 0)["origin"]["timestamp"].clone();
    assert_eq!(fields[..3], [world.topic.as_str(), "1", "0"]);
    let millis: i64 = fields[3].parse().unwrap();
    assert!((world.now..world.now + 120_000).contains(&millis), "{millis}, we read {timestamp}");
    assert_eq!(fields[4..6], ["CreateTime", "billing"]);
    assert_eq!(fields[7..], ["no total in order 7", "{\"total\":null}"], "type {}", fields[6]);
}

/// What these stacks write is fixed by their sources (`docs/reference/headers.md` names them); running all of them is no test for here.
#[test]
fn letters_of_the_other_stacks_are_listed_and_republished() {
    type Headers = [(&'static str, Option<&'static [u8]>); 5];
    let world = World::new();
    let (letters, target) = (format!("{}-dead", world.topic), format!("{}.back", world.topic));
    world.create(&[&letters, &target]);
    let own: (&str, Option<&[u8]>) = ("ce_type", Some(b"order"));
    let stacks: [(&str, Headers); 4] = [
        (
            "connect",
            [
                own,
                ("__connect.errors.topic", Some(b"orders")),
                ("__connect.errors.partition", Some(b"1")),
                ("__connect.errors.offset", Some(b"42")),
                ("__connect.errors.exception.message", None),
            ],
        ),
        (
            "streams",
            [
                own,
                ("__streams.errors.topic", Some(b"orders")),
                ("__streams.errors.partition", Some(b"1")),
                ("__streams.errors.offset", Some(b"42")),
                ("__streams.errors.exception", Some(b"Boom")),
            ],
        ),
        (
            "share_group",
            [
                own,
                ("__dlq.errors.topic", Some(b"orders")),
                ("__dlq.errors.partition", Some(b"1")),
                ("__dlq.errors.offset", Some(b"42")),
                ("__dlq.errors.delivery.count", Some(b"5")),
            ],
        ),
        (
            "small_rye",
            [
                ("dead-letter-topic", Some(b"orders")),
                ("dead-letter-partition", Some(b"1")),
                ("dead-letter-offset", Some(b"42")),
                ("dead-letter-reason", Some(b"no total")),
                own,
            ],
        ),
    ];
    for (place, (_, letter)) in stacks.iter().enumerate() {
        world.store(&letters, 0, Some(b"k"), Some(&[u8::try_from(place).unwrap()]), headers(letter));
    }
    world.flush();
    for (place, (dialect, _)) in stacks.iter().enumerate() {
        let shown = world.json(&["dlt", "show", &format!("{letters}:0:{place}")], 0);
        assert_eq!((&shown["dialect"], &shown["state"]), (&Value::from(*dialect), &Value::Null), "{shown:#}");
        let origin = (&shown["origin"]["topic"], &shown["origin"]["partition"], &shown["origin"]["offset"]);
        assert_eq!(origin, (&"orders".into(), &1.into(), &42.into()), "{dialect}");
    }
    let list = world.json(&["dlt", "list", "--dead-letters", &letters], 0);
    assert_eq!((&list["letters"], list["groups"].as_array().unwrap().len()), (&4.into(), 4), "{list:#}");
    world.json(&["dlt", "republish", "--dead-letters", &letters, "--to", &target, "--original-headers", "--yes"], 0);
    let copies = world.read(&target);
    assert_eq!(copies.len(), 4);
    assert!(copies.iter().all(|copy| copy.headers == [("ce_type".to_owned(), Some(b"order".to_vec()))]), "{copies:?}");
    let whole = format!("{}.whole", world.topic);
    world.create(&[&whole]);
    world.json(&["dlt", "republish", "--dead-letters", &letters, "--to", &whole, "--keep-partition", "--yes"], 0);
    assert_eq!(world.read(&whole), world.read(&letters), "without the option every byte is copied");
}
