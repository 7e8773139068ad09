//! What others read: headers on the wire, derived ids, and the names and kinds of metrics. A change here breaks someone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

#[allow(dead_code)]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use onceward::inbox::Identity;
use onceward::kafka::{BatchBuilder, RecordMeta};
use onceward::letter::{Cause, LetterRequest};
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Publish};
use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, Offset, PartitionId, PolicyId, Reason};
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use serde_json::{Value, json};
use support::{Broker, Sent};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn reason(text: &str) -> Reason {
    match text {
        "exhausted" => Reason::Exhausted,
        "rejected" => Reason::Rejected,
        "undecodable" => Reason::Undecodable,
        "conflict" => Reason::Conflict,
        other => panic!("no such reason: {other}"),
    }
}

/// The letter of one vector, as names and hex values in order.
fn letter(vector: &Value) -> Vec<(String, Option<String>)> {
    let (given, cause) = (&vector["record"], &vector["cause"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let own = |value: &Value| value.as_str().map(unhex);
    let mut builder = BatchBuilder::default();
    builder.begin(own(&given["key"]).as_deref(), own(&given["value"]).as_deref());
    for header in given["headers"].as_array().unwrap() {
        builder.header(&unhex(header[0].as_str().unwrap()), own(&header[1]).as_deref());
    }
    let offset = Offset(given["offset"].as_i64().unwrap());
    let identity = Identity::Coordinates { partition: PartitionId(0), offset };
    let mut meta = RecordMeta::new(PartitionId(0), Epoch(1), offset, identity, EventHash(1), Digest(1), PolicyId(0));
    meta.timestamp = given["timestamp"].as_i64();
    meta.append_time = given["append_time"].as_bool().unwrap();
    builder.finish(meta);
    let number = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    let (event_id, held_behind) = (text(&cause["event_id"]), text(&cause["held_behind"]));
    let request = LetterRequest::new(
        DeliveryId { slot: 0, generation: 0 },
        "any",
        &builder.take().record(0),
        &Cause {
            group: cause["group"].as_str().unwrap(),
            topic: given["topic"].as_str().unwrap(),
            partition: i32::try_from(given["partition"].as_i64().unwrap()).unwrap(),
            reason: reason(cause["reason"].as_str().unwrap()),
            attempts: number(&cause["attempts"]),
            event_id: event_id.as_deref(),
            correlation_id: cause["correlation_id"].as_str().unwrap(),
            first_failed_at: cause["first_failed_at"].as_i64().unwrap(),
            last_failed_at: cause["last_failed_at"].as_i64().unwrap(),
            error_type: cause["error_type"].as_str().unwrap(),
            message: cause["message"].as_str().unwrap(),
            stack: cause["stack"].as_str().unwrap(),
            fingerprint: cause["fingerprint"].as_str().unwrap(),
            held_behind: held_behind.as_deref(),
            replays: cause["replays"].as_u64().map(|replays| u32::try_from(replays).unwrap()),
        },
    );
    assert_eq!((request.key, request.value), (own(&given["key"]), own(&given["value"])), "the payload is what it was");
    let shown = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| (hex(name), value.as_deref().map(hex));
    request.headers.iter().map(shown).collect()
}

#[test]
fn letters_carry_these_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/letter-headers.json");
    let mut file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for vector in file["vectors"].as_array_mut().unwrap() {
        let found = json!(letter(vector));
        if std::env::var_os("ONCEWARD_BLESS").is_some() {
            vector["letter"] = found;
            continue;
        }
        assert_eq!(found, vector["letter"], "{}", vector["name"]);
    }
    if std::env::var_os("ONCEWARD_BLESS").is_some() {
        std::fs::write(path, format!("{}\n", serde_json::to_string_pretty(&file).unwrap())).unwrap();
    }
}

fn headers(record: &OwnedMessage) -> Vec<(String, String)> {
    let shown = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    record.headers().unwrap().iter().map(|header| (header.key.to_owned(), shown(header.value))).collect()
}

async fn publish(event: Event) -> Result<(), Failure> {
    match event.key() {
        Some(b"poison") => return Err(Failure::reject("poisoned")),
        _ => event.publish(Publish::to("invoices").key("o1").header("own", "1").header("correlation-id", "mine loses").value("{}")),
    }
    event.publish(Publish::to("invoices").value("chosen").id("my-own-id"));
    Ok(())
}

/// One run: what a publish carries for fixed inputs, and what the metrics say of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_and_metrics_are_the_same_in_every_release() {
    let broker = Broker::start(&["orders", "invoices"], "g", 1);
    let sent = |key: &'static str, headers: &[(&'static str, &str)]| Sent {
        key: Some(key),
        value: "v".to_owned(),
        headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    };
    broker.send(
        "orders",
        [
            sent("k", &[("onceward-id", "order-1"), ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")]),
            sent("poison", &[("onceward-id", "order-2")]),
        ],
    );
    let app = Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox("memory")
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(1).first(Duration::from_millis(1)))
        .kafka("session.timeout.ms", "4000")
        .build()
        .unwrap()
        .on("orders", publish);
    let metrics = app.metrics();
    app.run_until_end(std::future::pending()).await.unwrap();
    let published = broker.read("invoices", 2);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        headers(&published[0]),
        [
            pair("own", "1"),
            pair("onceward-id", "3e548d71c50aa973c0ae1d24422ba95d"),
            pair("correlation-id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            pair("causation-id", "order-1"),
            pair("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-60088c7bf8a0e5a0-00"),
        ]
    );
    assert_eq!(headers(&published[1])[0], pair("onceward-id", "my-own-id"));

    let text = metrics.prometheus();
    let kinds: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| line.split_once(' ').unwrap()).collect();
    let counters = [
        "attempts",
        "breaker_opened",
        "dead_letters",
        "duplicates",
        "events_abandoned",
        "events_handled",
        "events_ignored",
        "failed_attempts",
        "gap_offsets",
        "identity_conflicts",
        "inbox_commits",
        "inbox_reads",
        "inbox_write_seconds",
        "records_consumed",
        "retries",
        "spans_dropped",
    ];
    let gauges = [
        "in_flight",
        "in_flight_bytes",
        "inbox_marks",
        "held_keys",
        "held_letters",
        "open_letters",
        "lag_records",
        "outbox_oldest_seconds",
        "outbox_pending",
        "partitions",
        "partitions_halted",
        "partitions_paused",
        "paused",
        "running_handlers",
        "stranded_letters",
        "stuck_handlers",
        "topics_left_out",
        "waiting",
        "watermark_age_seconds",
    ];
    let names: Vec<(String, &str)> = counters
        .iter()
        .map(|name| (format!("onceward_{name}"), "counter"))
        .chain(gauges.iter().map(|name| (format!("onceward_{name}"), "gauge")))
        .collect();
    let expected: BTreeMap<&str, &str> = names.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    assert_eq!(kinds, expected);
    for line in [
        "onceward_events_handled_total 1",
        "onceward_dead_letters_total{topic=\"orders\",reason=\"rejected\"} 1",
        "onceward_attempts_total 2",
        "onceward_retries_total 0",
        "onceward_records_consumed_total{topic=\"orders\"} 2",
        "onceward_watermark_age_seconds{topic=\"orders\"} 0.0",
        "onceward_paused{reason=\"breaker\"} 0",
        "onceward_paused{reason=\"brokers\"} 0",
        "onceward_paused{reason=\"inbox\"} 0",
        "onceward_paused{reason=\"producer\"} 0",
        "onceward_paused{reason=\"request\"} 0",
        "onceward_in_flight 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
}

#[test]
fn names_of_headers_stay() {
    use onceward::wire;
    assert_eq!(
        [wire::ID, wire::CORRELATION_ID, wire::CAUSATION_ID, wire::TRACEPARENT],
        ["onceward-id", "correlation-id", "causation-id", "traceparent"]
    );
    assert_eq!(wire::CORRELATION_IN, ["ce_correlationid", "correlation_id", "correlation-id", "x-correlation-id"]);
}
