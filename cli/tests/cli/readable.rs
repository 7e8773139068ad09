//! `onceward schema letters`: the open letters of a real topic, held against a schema.

use onceward::ledger::LetterState;
use onceward_tests::registry::{Fault, StubRegistry};

use crate::ledger::{World, record};

const V1: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"total","type":"long","default":0}]}"#;
/// Without a default, what V1 wrote can't be read.
const V3: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}"#;

/// A letter of V1, one of V2, one that is settled and broken, and with `broken` one that nothing reads.
fn letters(stub: &StubRegistry, broken: bool) -> World {
    let (first, second) = (stub.register("orders-value", "AVRO", V1, &[]), stub.register("orders-value", "AVRO", V2, &[]));
    let world = World::new();
    let framed = |id: u32, value: &[u8]| onceward_schema::framing::write(id, value);
    let mut values = vec![(framed(first, b"\x04a1"), LetterState::Open), (framed(second, b"\x04b1\x0a"), LetterState::Open)];
    values.push((b"settled".to_vec(), LetterState::Discarded));
    if broken {
        values.push((b"{}".to_vec(), LetterState::Open));
    }
    world.claim(0);
    for (number, (value, state)) in (0..).zip(values) {
        world.letter_of(0, number, "k", "f", &value);
        world.known(0, 1, record(number, state, "k", "f", number));
    }
    world.flush();
    world
}

#[test]
fn every_open_letter_is_held_against_the_schema_and_no_other() {
    let stub = StubRegistry::default();
    let world = letters(&stub, false);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (good, bad) = (file("v2.avsc", V2), file("v3.avsc", V3));
    let url = stub.url();
    let ask = |schema: &str| ["schema", "letters", "--registry", &url, "--new", schema].map(str::to_owned);
    let run = |schema: &str| world.run(&ask(schema).each_ref().map(String::as_str));
    let answer = run(&good);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
    assert!(answer.stdout.ends_with(&format!("2 of 2 open letters are readable with {good}\n")), "{}", answer.stdout);
    let answer = world.json(&ask(&bad).each_ref().map(String::as_str), 1);
    assert_eq!((answer["letters"].as_u64(), answer["readable"].as_u64()), (Some(2), Some(1)), "{answer}");
    let one = &answer["unreadable"][0];
    assert_eq!((one["place"].as_str(), one["schema"].as_str()), (Some(&*format!("{}:0:0", world.letters())), Some("1")), "{answer}");
    assert!(one["problem"].as_str().unwrap().contains("no field `total`"), "{answer}");
    stub.fail(Fault::Status(500));
    let away = run(&good);
    assert_eq!((away.code, away.stdout.as_str()), (3, ""), "could not be checked is never fine: {}", away.stderr);
}

#[test]
fn what_nothing_reads_is_told_and_without_a_registry_values_are_plain() {
    let stub = StubRegistry::default();
    let world = letters(&stub, true);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.json");
    std::fs::write(&path, "{}").unwrap();
    let plain = world.json(&["schema", "letters", "--new", &path.display().to_string()], 1);
    assert_eq!((plain["letters"].as_u64(), plain["readable"].as_u64()), (Some(3), Some(1)), "only `{{}}` is JSON: {plain}");
    std::fs::write(&path, "{").unwrap();
    let broken = world.run(&["schema", "letters", "--new", &path.display().to_string()]);
    assert_eq!((broken.code, broken.stdout.as_str()), (3, ""), "{}", broken.stderr);
}
