//! A real registry: Apicurio, by Confluent's REST dialect.

use onceward::config::raw;
use onceward::registry::{Access, Registry, RegistryErrorKind, Version};
use onceward_schema::{Format, Level};
use onceward_tests::{kafka, registry};
use serde_json::json;

use crate::looped::{Service, framed};

const V1: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}"#;

fn real() -> Registry {
    Registry::new(Access::new(&registry::real()).unwrap())
}

#[test]
fn it_is_asked_as_the_stub_is_and_answers_alike() {
    let registry = real();
    let subject = kafka::unique("orders");
    assert_eq!(registry.versions(&subject).unwrap_err().kind, RegistryErrorKind::NotFound);
    let first = registry.register(&subject, Format::Avro, V1).unwrap();
    let second = registry.register(&subject, Format::Avro, V2).unwrap();
    assert_eq!(registry.register(&subject, Format::Avro, V1).unwrap(), first, "what is there keeps its id");
    assert_eq!(registry.find(&subject, Format::Avro, V2).unwrap(), second);
    assert_eq!(registry.find(&subject, Format::Avro, r#""string""#).unwrap_err().kind, RegistryErrorKind::NotFound);
    assert_eq!(registry.versions(&subject).unwrap(), [1, 2]);
    let latest = registry.version(&subject, Version::Latest).unwrap();
    assert_eq!((latest.id, latest.version, latest.format, latest.source.text.as_str()), (Some(second), Some(2), Format::Avro, V2));
    assert_eq!(registry.by_id(first).unwrap().source.text, V1);
    assert_eq!(registry.by_id(i32::MAX as u32).unwrap_err().kind, RegistryErrorKind::NotFound);
    assert_eq!(registry.by_guid("00112233-4455-6677-8899-aabbccddeeff").unwrap_err().kind, RegistryErrorKind::NotFound);
    assert_eq!(registry.level(&subject).unwrap(), Level::None, "its own default");
    let wrong = Registry::new(Access::new(registry::real().strip_suffix("/apis/ccompat/v7").unwrap()).unwrap());
    assert_eq!(wrong.by_id(first).unwrap_err().kind, RegistryErrorKind::Away, "a wrong path must not look like an unknown schema");
}

#[test]
fn values_are_read_by_what_it_holds() {
    let registry = real();
    let subject = kafka::unique("orders");
    let avro = registry.register(&subject, Format::Avro, V2).unwrap();
    let text = r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["id"]}"#;
    let other = registry.register(&kafka::unique("j"), Format::Json, text).unwrap();
    let proto = registry.register(&kafka::unique("p"), Format::Protobuf, "syntax = \"proto3\"; message A { string a = 1; }").unwrap();
    let service = Service::new("real");
    let running = service.start(&registry::real(), raw::TopicSchema::default());
    service.send(&[
        ("a", framed(avro, b"\x04a1\x0a")),
        ("a", framed(other, br#"{"id":1}"#)),
        ("a", framed(proto, b"\0\x0a\x01x")),
        ("b", framed(other, b"{}")),
        ("c", framed(i32::MAX as u32, b"x")),
    ]);
    let handled: Vec<_> = service.handled(3).into_iter().map(|(_, body)| body).collect();
    assert_eq!(handled, [json!({"id": "a1", "total": 5}), json!({"id": 1}), json!({"a": "x"})]);
    let mut reasons: Vec<_> = service.letters(2).iter().map(|letter| letter.header("onceward-reason").unwrap()).collect();
    reasons.sort();
    assert_eq!(reasons, ["exhausted", "invalid"]);
    running.stop();
}
