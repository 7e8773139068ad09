//! What the client makes of a registry's answers.

use std::time::{Duration, Instant};

use onceward::registry::{Access, Registry, RegistryErrorKind, Version};
use onceward_tests::registry::{Fault, StubRegistry};

fn client(stub: &StubRegistry) -> Registry {
    Registry::new(Access::new(&stub.url()).unwrap().timeout(Duration::from_secs(2)))
}

#[test]
fn an_id_is_asked_for_once_and_outlives_the_registry() {
    let stub = StubRegistry::default();
    let id = stub.register("a", "AVRO", r#""string""#, &[]);
    let registry = client(&stub);
    assert_eq!(registry.by_id(id).unwrap().source.text, r#""string""#);
    stub.fail(Fault::Status(500));
    assert_eq!(registry.by_id(id).unwrap().id, Some(id), "what is known stays known");
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn only_a_clear_answer_is_an_answer() {
    let stub = StubRegistry::default();
    let id = stub.register("a", "AVRO", r#""string""#, &[]);
    let kind = |id: u32| client(&stub).by_id(id).unwrap_err().kind;
    assert_eq!(kind(77), RegistryErrorKind::NotFound);
    for fault in [Fault::Status(500), Fault::Status(403), Fault::Status(404), Fault::Gone, Fault::Page, Fault::WrongId] {
        stub.fail(fault.clone());
        assert_eq!(kind(id), RegistryErrorKind::Away, "{fault:?}");
    }
    let elsewhere = StubRegistry::default();
    elsewhere.register("a", "AVRO", r#""string""#, &[]);
    stub.fail(Fault::Redirect(format!("{}/schemas/ids/{id}", elsewhere.url())));
    assert_eq!(kind(id), RegistryErrorKind::Away);
    assert!(elsewhere.asked().is_empty(), "redirects are not followed: credentials would go along");
    stub.fail(Fault::Huge(9 << 20));
    assert_eq!(kind(id), RegistryErrorKind::Unusable);
    stub.fail(Fault::Silent);
    let began = Instant::now();
    assert_eq!(kind(id), RegistryErrorKind::Away);
    assert!(began.elapsed() < Duration::from_secs(20), "a silent registry is given up");
}

#[test]
fn references_are_brought_once_each_though_they_go_in_circles() {
    let stub = StubRegistry::default();
    stub.register("b", "JSON", r#"{"$ref":"c.json"}"#, &[("c.json", "c", 1)]);
    stub.register("c", "JSON", r#"{"$ref":"b.json"}"#, &[("b.json", "b", 1)]);
    let id = stub.register("a", "JSON", r#"{"$ref":"b.json"}"#, &[("b.json", "b", 1)]);
    let schema = client(&stub).by_id(id).unwrap();
    let names: Vec<&str> = schema.source.references.iter().map(|reference| reference.name.as_str()).collect();
    assert_eq!(names, ["b.json", "c.json"]);
    assert_eq!(stub.asked().len(), 3, "{:?}", stub.asked());
}

#[test]
fn a_schema_that_refers_to_hundreds_is_refused() {
    let stub = StubRegistry::default();
    let names: Vec<String> = (0..300).map(|number| format!("r{number}")).collect();
    for name in &names {
        stub.register(name, "JSON", &format!(r#"{{"title":"{name}"}}"#), &[]);
    }
    let references: Vec<(&str, &str, u32)> = names.iter().map(|name| (name.as_str(), name.as_str(), 1)).collect();
    let id = stub.register("a", "JSON", "{}", &references);
    let error = client(&stub).by_id(id).unwrap_err();
    assert_eq!(error.kind, RegistryErrorKind::Unusable);
    assert!(error.text.contains("more than 256"), "{error}");
}

#[test]
fn subjects_are_paths_of_one_part_whatever_they_are_called() {
    let stub = StubRegistry::default();
    for subject in ["a/b", "ä?x=1#y", "..", "a b%2f"] {
        stub.register(subject, "AVRO", r#""long""#, &[]);
        assert_eq!(client(&stub).versions(subject).unwrap(), [1], "{subject}");
        let latest = client(&stub).version(subject, Version::Latest).unwrap();
        assert_eq!((latest.version, latest.source.name), (Some(1), format!("{subject} v1")));
    }
}

#[test]
fn credentials_are_not_debugged() {
    let basic = Access::new("https://localhost").unwrap().basic("me", "hunter2");
    let bearer = Access::new("https://localhost").unwrap().bearer("hunter2");
    assert!(!format!("{basic:?}{bearer:?}{:?}", Registry::new(basic.clone())).contains("hunter2"));
    for wrong in ["localhost:8081", "ftp://localhost", "https://", "http://me:hunter2@localhost", "http://localhost/?a=b"] {
        let error = Access::new(wrong).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
