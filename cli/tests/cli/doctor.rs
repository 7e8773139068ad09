//! The doctor beside a group that has worked, on a real broker.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::reprocess::World;

/// Findings of one check: subject, verdict, message and cure.
fn findings(world: &World, check: &str, more: &[&str]) -> Vec<[String; 4]> {
    let answer = world.run(&[&["doctor", "--json", "--topic", &world.topic], more].concat());
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{}", answer.stderr));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let found = document["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    found.map(|finding| ["subject", "verdict", "message", "cure"].map(|field| text(&finding[field]))).collect()
}

fn move_group(world: &World, offset: i64) {
    let client = ClientConfig::new().set("bootstrap.servers", &world.brokers).set("group.id", &world.topic).clone();
    let consumer: BaseConsumer = client.create().unwrap();
    let mut places = TopicPartitionList::new();
    places.add_partition_offset(&world.topic, 1, Offset::Offset(offset)).unwrap();
    consumer.commit(&places, CommitMode::Sync).unwrap();
}

#[test]
fn where_the_group_stands_is_judged_against_log_and_inbox() {
    let world = World::new(true);
    let [new] = &findings(&world, "offsets", &[])[..] else { panic!("one finding for a topic") };
    assert!(new[1] == "ok" && new[2] == "2 partitions, 0 records behind; 2 without an offset, at earliest", "{new:?}");

    assert_eq!(world.consume().len(), 12);
    let [through] = &findings(&world, "offsets", &[])[..] else { panic!("one finding for a topic") };
    assert_eq!(through[2], "2 partitions, 0 records behind");
    let [version] = &findings(&world, "version", &[])[..] else { panic!("one finding") };
    assert_eq!((version[1].as_str(), version[2].as_str()), ("ok", "as Kafka 4.0 or later"));
    let [inbox] = &findings(&world, "inbox", &[])[..] else { panic!("one finding") };
    assert!(inbox[2].ends_with("12 marks; nobody has it open"), "{inbox:?}");

    move_group(&world, 3);
    let [back] = &findings(&world, "offsets", &[])[..] else { panic!("one partition was moved") };
    let subject = format!("{}/1", world.topic);
    assert!(back[0] == subject && back[1] == "fail" && back[2].contains("stands at 3, and the inbox remembers 7"), "{back:?}");
    assert!(back[3].contains("inbox forget"), "{back:?}");
    move_group(&world, 100);
    let [beyond] = &findings(&world, "offsets", &[])[..] else { panic!("one partition was moved") };
    assert!(beyond[1] == "fail" && beyond[2].contains("behind the end of the log (7)"), "{beyond:?}");
}

#[test]
fn one_bootstrap_server_of_two_is_enough_and_is_said() {
    let world = World::new(true);
    let brokers = format!("no-such-host.invalid:9092,127.0.0.1:1,{}", world.brokers);
    let answers = findings(&world, "address", &["--brokers", &brokers]);
    let verdicts: Vec<&str> = answers.iter().map(|answer| answer[1].as_str()).collect();
    assert_eq!(verdicts, ["warn", "warn", "ok"], "{answers:?}");
    assert!(answers[0][2].contains("its name is not known here") && answers[1][2].contains("nobody takes a connection"), "{answers:?}");
}
