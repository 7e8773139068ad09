//! Any bytes at all through identity, batch, letter and reader: no panic, nothing changed.

use onceward::kafka::{BatchBuilder, DedupScope, Identifier, IdentitySource, KeySource, TopicSettings};
use onceward::letter::{HeaderBytes, Letter, LetterRequest, fingerprint};
use onceward_engine::{Offset, PartitionId, PolicyId};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::support::{DELIVERY, cause, record};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..64), Just(br#"{"id":"a","source":"b"}"#.to_vec()), Just(b"{\"id\":".to_vec()), Just(vec![b'['; 4_000])]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&str] = &[
        "onceward-id",
        "ce_id",
        "ce_source",
        "content-type",
        "kafka_dlt-original-offset",
        "onceward-attempts",
        "onceward-first-failed-at",
    ];
    prop_oneof![vec(any::<u8>(), 0..20), proptest::sample::select(KNOWN).prop_map(|name| name.as_bytes().to_vec())]
}

fn headers() -> impl Strategy<Value = Vec<HeaderBytes>> {
    let value = prop_oneof![bytes(), Just(b"application/cloudevents+json".to_vec()), Just(b"-1".to_vec())];
    vec((name(), of(value)), 0..12)
}

fn identifiers() -> Vec<Identifier> {
    let sources = [
        IdentitySource::Automatic,
        IdentitySource::Header("onceward-id".to_owned()),
        IdentitySource::Json("/id".to_owned()),
        IdentitySource::Json(String::new()),
        IdentitySource::Coordinates,
    ];
    let keys = [KeySource::Key, KeySource::Header("ce_id".to_owned()), KeySource::Json("/a/0".to_owned())];
    let mut all = Vec::new();
    for identity in &sources {
        for order_key in &keys {
            let (identity, order_key) = (identity.clone(), order_key.clone());
            let topic = TopicSettings {
                name: "t".to_owned(),
                policy: PolicyId(0),
                identity,
                scope: DedupScope::Topic,
                order_key,
                event_type: onceward::kafka::TypeSource::Automatic,
                routing: None,
                pattern: None,
            };
            all.push(Identifier::new("g", &topic));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_and_none_change(key in of(bytes()), value in of(bytes()), headers in headers(), offset in any::<i64>()) {
        let mut builder = BatchBuilder::default();
        builder.begin(key.as_deref(), value.as_deref());
        for (name, value) in &headers {
            builder.header(name, value.as_deref());
        }
        for identifier in identifiers() {
            let known = identifier.identify(&builder.begun(), PartitionId(u32::MAX), Offset(offset));
            prop_assert_eq!(known, identifier.identify(&builder.begun(), PartitionId(u32::MAX), Offset(offset)));
            prop_assert!(identifier.text(&builder.begun()).is_none_or(|text| !text.is_empty()));
        }
        let batch = record(key.as_deref(), value.as_deref(), &headers);
        let letter = LetterRequest::new(DELIVERY, "d", &batch.record(0), &cause());
        prop_assert_eq!(&letter.key, &key);
        prop_assert_eq!(&letter.value, &value);
        let own = headers.iter().filter(|(name, _)| !name.starts_with(b"kafka_dlt-") && !matches!(name.as_slice(), b"onceward-attempts" | b"onceward-first-failed-at"));
        prop_assert!(letter.headers.iter().take(own.clone().count()).eq(own), "original headers come first, as they were");
        drop(Letter::read(&batch.record(0)));
        let detached = batch.detach(0);
        prop_assert!(detached.record(0).headers().eq(batch.record(0).headers()));
    }

    #[test]
    fn any_error_has_a_fingerprint(error in ".{0,40}", message in ".{0,300}", frame in ".{0,40}") {
        prop_assert_eq!(fingerprint(&error, &message, &frame).len(), 16);
    }
}
