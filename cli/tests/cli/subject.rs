//! `onceward schema check --registry`: a subject is the older side.

use std::fs;

use onceward_tests::registry::{Fault, StubRegistry};

use crate::run::{Answer, onceward};

const V1: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"note","type":"string"}]}"#;
const V2: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"}]}"#;
/// Reads what V2 writes, and not what V1 wrote: there `note` is a text.
const V3: &str = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"string"},{"name":"note","type":"int","default":0}]}"#;

fn check(stub: &StubRegistry, new: &str, more: &[&str], environment: &[(&str, &str)]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.avsc"), new).unwrap();
    let url = stub.url();
    let first = ["schema", "check", "--registry", url.as_str(), "--old", "orders-value", "--new", "order.avsc"];
    let arguments: Vec<&str> = first.iter().chain(more).copied().collect();
    onceward(folder.path(), &arguments, environment)
}

#[test]
fn all_versions_that_the_level_needs_are_asked_for_and_no_other() {
    let stub = StubRegistry::default();
    stub.register("orders-value", "AVRO", V1, &[]);
    stub.register("orders-value", "AVRO", V2, &[]);
    let latest = check(&stub, V3, &["--level", "BACKWARD"], &[]);
    assert_eq!((latest.code, latest.stderr.as_str()), (0, ""), "{}", latest.stdout);
    assert!(!stub.asked().iter().any(|asked| asked.ends_with("/versions/1")), "{:?}", stub.asked());
    let all = check(&stub, V3, &["--level", "BACKWARD_TRANSITIVE"], &[]);
    assert_eq!(all.code, 1, "{}{}", all.stdout, all.stderr);
    assert!(all.stdout.contains("orders-value v1"), "{}", all.stdout);
    stub.level("BACKWARD_TRANSITIVE");
    assert_eq!(check(&stub, V3, &["--level", "SUBJECT"], &[]).code, 1, "the registry's own level holds");
    stub.level("NONE");
    let none = check(&stub, V3, &["--level", "subject"], &[]);
    assert!(none.code == 0 && none.stdout.contains("nothing was checked"), "{}", none.stdout);
    let json = check(&stub, V3, &["--level", "BACKWARD_TRANSITIVE", "--json"], &[]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, document["compared"][0]["old"].as_str()), (1, Some("orders-value v2")), "{document}");
    let github = check(&stub, V3, &["--level", "BACKWARD_TRANSITIVE", "--format", "github"], &[]);
    assert!(github.stdout.starts_with("::error file=order.avsc"), "{}", github.stdout);
}

#[test]
fn what_could_not_be_asked_is_never_fine() {
    let stub = StubRegistry::default();
    stub.register("orders-value", "AVRO", V1, &[]);
    for fault in [
        Fault::Status(500),
        Fault::Status(401),
        Fault::Status(429),
        Fault::Status(404),
        Fault::Gone,
        Fault::Page,
        Fault::Redirect(stub.url()),
        Fault::Huge(9 << 20),
    ] {
        stub.fail(fault.clone());
        let answer = check(&stub, V1, &["--allow-first"], &[]);
        assert_eq!((answer.code, answer.stdout.as_str()), (3, ""), "{fault:?}");
        assert!(answer.stderr.contains(&stub.url()), "{fault:?}: {}", answer.stderr);
    }
    stub.fail(Fault::None);
    assert_eq!(check(&stub, V1, &[], &[]).code, 0);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("order.avsc"), V1).unwrap();
    let ask = |url: &str, subject: &str, more: &[&str]| {
        let first = ["schema", "check", "--registry", url, "--old", subject, "--new", "order.avsc"];
        onceward(folder.path(), &first.iter().chain(more).copied().collect::<Vec<_>>(), &[])
    };
    assert_eq!(ask("http://127.0.0.1:1", "orders-value", &[]).code, 3, "nobody listens there");
    assert_eq!(ask(&stub.url(), "nobody", &[]).code, 3, "a subject that is not there may be a slip of the pen");
    assert_eq!(ask(&stub.url(), "nobody", &["--allow-first"]).code, 0);
    let credentials = ask("http://me:hunter2@localhost", "orders-value", &[]);
    assert_eq!(credentials.code, 2);
    assert!(!credentials.stderr.contains("hunter2"), "{}", credentials.stderr);
    assert_eq!(ask(&stub.url(), "orders-value", &["--type", "json"]).code, 2, "the registry says that it is Avro");
    let without = onceward(folder.path(), &["schema", "check", "--old", "order.avsc", "--new", "order.avsc", "--level", "SUBJECT"], &[]);
    assert_eq!(without.code, 2, "{}", without.stderr);
}

#[test]
fn credentials_come_from_the_environment_and_are_never_shown() {
    let stub = StubRegistry::default();
    stub.register("orders-value", "AVRO", V1, &[]);
    let basic = [("SCHEMA_REGISTRY_USERNAME", "me"), ("SCHEMA_REGISTRY_PASSWORD", "hunter2")];
    assert_eq!(check(&stub, V1, &[], &basic).code, 0);
    assert_eq!(check(&stub, V1, &[], &[("SCHEMA_REGISTRY_TOKEN", "hunter3")]).code, 0);
    let sent = stub.authorization();
    assert!(sent.contains(&"Basic bWU6aHVudGVyMg==".to_owned()) && sent.contains(&"Bearer hunter3".to_owned()), "{sent:?}");
    stub.fail(Fault::Status(401));
    let refused = check(&stub, V1, &[], &basic);
    assert!(refused.code == 3 && !refused.stderr.contains("hunter2"), "{}", refused.stderr);
}

#[test]
fn a_new_schema_refers_to_what_the_latest_version_refers_to() {
    let stub = StubRegistry::default();
    stub.register("money", "AVRO", r#"{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}"#, &[]);
    let old = r#"{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}"#;
    let new = r#"{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"},{"name":"note","type":"string","default":""}]}"#;
    stub.register("orders-value", "AVRO", old, &[("Money", "money", 1)]);
    let answer = check(&stub, new, &["--level", "FULL"], &[]);
    assert_eq!((answer.code, answer.stderr.as_str()), (0, ""), "{}", answer.stdout);
}
