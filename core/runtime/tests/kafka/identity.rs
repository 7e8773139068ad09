//! Who an event is.

use onceward::inbox::Identity;
use onceward::kafka::{BatchBuilder, DedupScope, Identified, Identifier, IdentitySource, KeySource, TopicSettings};
use onceward_engine::{EventHash, Offset, PartitionId, PolicyId, Rejection};

type Headers<'a> = &'a [(&'a str, Option<&'a str>)];

fn topic(name: &str, identity: IdentitySource, scope: DedupScope, order_key: KeySource) -> TopicSettings {
    TopicSettings {
        name: name.to_owned(),
        policy: PolicyId(0),
        identity,
        scope,
        order_key,
        event_type: onceward::kafka::TypeSource::Automatic,
        routing: None,
        pattern: None,
    }
}

fn identify(topic: &TopicSettings, value: Option<&str>, headers: Headers<'_>) -> Identified {
    let mut builder = BatchBuilder::default();
    builder.begin(Some(b"key"), value.map(str::as_bytes));
    for (name, value) in headers {
        builder.header(name.as_bytes(), value.map(str::as_bytes));
    }
    Identifier::new("billing", topic).identify(&builder.begun(), PartitionId(2), Offset(9))
}

fn automatic(value: Option<&str>, headers: Headers<'_>) -> Identified {
    identify(&topic("orders", IdentitySource::Automatic, DedupScope::Topic, KeySource::Key), value, headers)
}

fn is_by_coordinates(known: &Identified) -> bool {
    known.identity == (Identity::Coordinates { partition: PartitionId(2), offset: Offset(9) })
}

#[test]
fn our_own_id_comes_before_cloud_events_and_those_before_coordinates() {
    let ours = automatic(None, &[("onceward-id", Some("e1")), ("ce_source", Some("s")), ("ce_id", Some("e1"))]);
    let cloud = automatic(None, &[("ce_source", Some("s")), ("ce_id", Some("e1"))]);
    let structured =
        automatic(Some(r#"{"source":"s","id":"e1"}"#), &[("content-type", Some("Application/CloudEvents+json; charset=utf-8"))]);
    assert_ne!(ours.event, cloud.event);
    assert_eq!(cloud.event, structured.event, "both forms of one CloudEvent are one event");
    assert!(is_by_coordinates(&automatic(None, &[])));
    assert!(is_by_coordinates(&automatic(Some("{}"), &[("content-type", Some("application/cloudevents+json"))])));
    assert_eq!(automatic(Some("not json"), &[("content-type", Some("application/cloudevents+json"))]).refused, None);
}

#[test]
fn of_repeated_headers_the_last_counts_and_an_empty_or_null_one_is_none() {
    assert_eq!(
        automatic(None, &[("onceward-id", Some("a")), ("onceward-id", Some("b"))]).event,
        automatic(None, &[("onceward-id", Some("b"))]).event
    );
    assert!(is_by_coordinates(&automatic(None, &[("onceward-id", Some(""))])));
    assert!(is_by_coordinates(&automatic(None, &[("onceward-id", Some("a")), ("onceward-id", None)])));
}

#[test]
fn scopes_keep_ids_apart() {
    let id = [("id", Some("e1"))];
    let by = |name: &str, scope| identify(&topic(name, IdentitySource::Header("id".into()), scope, KeySource::Key), None, &id).event;
    assert_ne!(by("a", DedupScope::Topic), by("b", DedupScope::Topic));
    assert_eq!(by("a", DedupScope::Group), by("b", DedupScope::Group));
    assert_ne!(by("a", DedupScope::Group), by("a", DedupScope::Topic));
    let json = identify(&topic("a", IdentitySource::Json("/id".into()), DedupScope::Topic, KeySource::Key), Some(r#"{"id":"e1"}"#), &[]);
    assert_ne!(json.event, by("a", DedupScope::Topic), "a header and a field are two ids");
}

#[test]
fn long_ids_count_to_their_end() {
    let long = "x".repeat(1 << 20);
    let other = format!("{}y", &long[1..]);
    assert_ne!(automatic(None, &[("onceward-id", Some(&long))]).event, automatic(None, &[("onceward-id", Some(&other))]).event);
}

#[test]
fn json_that_is_none_is_undecodable_and_a_missing_field_is_not() {
    let by_json = topic("a", IdentitySource::Json("/id".into()), DedupScope::Topic, KeySource::Json("/key".into()));
    assert_eq!(identify(&by_json, Some("{"), &[]).refused, Some(Rejection::Undecodable));
    let whole = identify(&by_json, Some(r#"{"id":1,"key":"k"}"#), &[]);
    assert!(whole.refused.is_none() && whole.order_key.is_some() && !is_by_coordinates(&whole));
    for value in [Some("{}"), Some(r#"{"id":null}"#), Some(r#"{"id":1e400}"#).filter(|_| false), None] {
        let known = identify(&by_json, value, &[]);
        assert!(known.refused.is_none() && is_by_coordinates(&known) && known.order_key.is_none(), "{value:?}");
    }
}

#[test]
fn null_and_empty_payloads_have_two_digests() {
    let digests = [None, Some(""), Some("a")].map(|value| automatic(value, &[]).digest);
    assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2]);
}

/// Marks outlive the process that wrote them: these values may not change without a migration of every inbox.
#[test]
fn stored_values_are_stable() {
    let known = automatic(Some("value"), &[("onceward-id", Some("e1"))]);
    assert_eq!(known.event, EventHash(0xebdbd27cb02d8bc8ce879b46c1a4604b));
    assert_eq!(known.digest.0, 36_116_120);
}
