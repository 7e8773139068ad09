//! Topics whose values have a schema.

use std::io::Write as _;

use onceward::config::raw;
use onceward::testing::{Rig, SendOptions};
use onceward::{Event, Failure};

use crate::support::{builder, rig, see};

const SCHEMA: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}"#;

#[derive(serde::Deserialize)]
struct Order {
    id: String,
    total: i64,
}

async fn typed(event: Event) -> Result<(), Failure> {
    let order: Order = event.json()?;
    assert_eq!((order.id.as_str(), order.total), ("a1", 5));
    assert!(event.is_decoded() && event.schema().is_none());
    see(&event);
    Ok(())
}

fn file(extension: &str, text: &str) -> tempfile::TempPath {
    let mut file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.into_temp_path()
}

fn orders(path: &tempfile::TempPath) -> raw::TopicSchema {
    raw::TopicSchema { file: Some(path.display().to_string()), ..raw::TopicSchema::default() }
}

fn rig_of(schema: raw::TopicSchema) -> Rig {
    let builder = builder().configure(|config| {
        config.topics.entry("orders".to_owned()).or_default().schema = Some(schema);
    });
    rig(builder.build().unwrap().on("orders", typed))
}

#[test]
fn avro_by_a_file_reaches_the_handler_as_its_own_type() {
    let path = file(".avsc", SCHEMA);
    let rig = rig_of(orders(&path));
    rig.send("orders", SendOptions::new().key("c1").value(b"\x04a1\x0a").id("good")).unwrap();
    rig.send("orders", SendOptions::new().key("c2").value(b"\x04a1").id("short")).unwrap();
    rig.send("orders", SendOptions::new().key("c2").value(b"\x04a1\x0a").id("behind")).unwrap();
    rig.run().unwrap();
    let letters = rig.dead_letters();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let letter = &letters[0];
    assert_eq!((letter.event_id(), letter.reason(), letter.attempts()), ("short", "undecodable", 1), "at once, without a handler");
    assert_eq!(letter.headers.text("kafka_dlt-exception-message"), Some("$.total: it ends in the middle of a value"));
    assert_eq!(letter.value.as_deref(), Some(&b"\x04a1"[..]), "byte for byte");
    let mut handled = rig.handled();
    handled.sort();
    assert_eq!(handled, ["behind", "good"]);
    assert_eq!(rig.attempts("good"), 1);
}

#[test]
fn json_that_its_schema_refuses_is_invalid_and_what_is_no_json_undecodable() {
    let path = file(".json", r#"{"type":"object","required":["id"],"properties":{"total":{"type":"integer"}}}"#);
    let rig = rig_of(orders(&path));
    for (id, value) in [("good", r#"{"id":"a1","total":5}"#), ("wrong", r#"{"id":"a1","total":"CANARY"}"#), ("broken", "CANARY")] {
        rig.send("orders", SendOptions::new().key(id).value(value).id(id)).unwrap();
    }
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["good"]);
    let mut reasons: Vec<_> = rig.dead_letters().iter().map(|one| (one.event_id().to_owned(), one.reason().to_owned())).collect();
    reasons.sort();
    assert_eq!(reasons, [("broken".to_owned(), "undecodable".to_owned()), ("wrong".to_owned(), "invalid".to_owned())]);
    assert!(rig.logs().iter().all(|line| !format!("{line:?}").contains("CANARY")), "payloads are not logged");
}

#[test]
fn a_batch_has_only_what_could_be_decoded() {
    let path = file(".avsc", SCHEMA);
    let builder = builder().configure(|config| {
        config.topics.entry("orders".to_owned()).or_default().schema = Some(orders(&path));
    });
    let handler = |batch: onceward::EventBatch| async move {
        for event in &batch {
            let order: Order = event.json()?;
            assert_eq!(order.total, 5);
            see(event);
        }
        Ok(())
    };
    let rig = rig(builder.build().unwrap().on_batch("orders", handler));
    for (id, value) in [("one", &b"\x04a1\x0a"[..]), ("bad", b"\x04a"), ("two", b"\x04a1\x0a")] {
        rig.send("orders", SendOptions::new().key("c1").value(value).id(id)).unwrap();
    }
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["one", "two"]);
    assert_eq!(rig.dead_letters().len(), 1);
}

#[test]
fn a_file_that_is_no_schema_is_told_before_anything_starts() {
    let path = file(".avsc", "{");
    let builder = builder().configure(|config| {
        config.topics.entry("orders".to_owned()).or_default().schema = Some(orders(&path));
    });
    let error = Rig::new(builder.build().unwrap().on("orders", typed)).unwrap_err().to_string();
    assert!(error.contains("topics.orders.schema.file") && error.contains("is no JSON"), "{error}");
    let written = |change: fn(&mut raw::TopicSchema)| {
        let mut schema = raw::TopicSchema::default();
        change(&mut schema);
        let builder = crate::support::builder().configure(|config| {
            config.topics.entry("orders".to_owned()).or_default().schema = Some(schema);
        });
        builder.build().map(drop).unwrap_err().to_string()
    };
    assert!(written(|_| {}).contains("topics.orders.schema: needs a registry, and none is configured"));
    assert!(written(|schema| schema.framing = Some(raw::Framing::None)).contains("topics.orders.schema.file: is missing"));
    assert!(written(|schema| schema.file = Some("orders.txt".to_owned())).contains("topics.orders.schema.format: is missing"));
}
