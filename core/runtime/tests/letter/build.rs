//! What a letter looks like.

use onceward::letter::{HeaderBytes, Letter, LetterRequest, letter_id};
use onceward_engine::Reason;

use crate::support::{DELIVERY, cause, header, record};

fn build(headers: &[HeaderBytes]) -> LetterRequest {
    LetterRequest::new(DELIVERY, "orders.billing.dlt", &record(Some(b"k"), None, headers).record(0), &cause())
}

fn find<'a>(letter: &'a LetterRequest, name: &str) -> Vec<&'a [u8]> {
    let found = letter.headers.iter().filter(|(existing, _)| existing == name.as_bytes());
    found.map(|(_, value)| value.as_deref().unwrap()).collect()
}

#[test]
fn header_bytes_are_golden() {
    let letter = build(&[header(b"own", Some(b"1"))]);
    let expected: &[(&str, &[u8])] = &[
        ("own", b"1"),
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", &[0, 0, 0, 1]),
        ("kafka_dlt-original-offset", &[0, 0, 0, 0, 0, 0, 1, 2]),
        ("kafka_dlt-original-timestamp", &[0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0x7b]),
        ("kafka_dlt-original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-original-consumer-group", b"billing"),
        ("kafka_dlt-exception-fqcn", b"ValueError"),
        ("kafka_dlt-exception-message", b"no dep_time"),
        ("kafka_dlt-exception-stacktrace", b"invoice\n  main"),
        ("onceward-letter-id", b"7a17f6111a00e4a54797f275e1a9873f"),
        ("onceward-reason", b"exhausted"),
        ("onceward-event-id", b"e1"),
        ("onceward-correlation-id", b"c1"),
        ("onceward-attempts", b"5"),
        ("onceward-first-failed-at", b"2023-11-14T22:13:21.000Z"),
        ("onceward-last-failed-at", b"2023-11-14T22:13:22.500Z"),
        ("onceward-fingerprint", b"0123456789abcdef"),
    ];
    let found: Vec<(String, String)> = letter
        .headers
        .iter()
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.as_deref().unwrap().escape_ascii().to_string()))
        .collect();
    let expected: Vec<(String, String)> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), value.escape_ascii().to_string())).collect();
    assert_eq!(found, expected);
}

#[test]
fn headers_of_an_earlier_hop_are_replaced_and_the_event_keeps_its_own() {
    let first = build(&[header(b"onceward-id", Some(b"e1")), header(b"x", None), header(b"x", Some(b"2"))]);
    let mut headers = first.headers.clone();
    headers.push(header(b"kafka_dlt-key-exception-fqcn", Some(b"old")));
    let again = build(&headers);
    assert_eq!(again.headers, first.headers, "a second hop does not grow");
    assert_eq!(again.headers[..3], [header(b"onceward-id", Some(b"e1")), header(b"x", None), header(b"x", Some(b"2"))]);
}

#[test]
fn long_texts_are_cut_at_whole_characters() {
    let (message, stack, id) = ("é".repeat(3_000), "ü".repeat(9_000), "ß".repeat(2_000));
    let cause = onceward::letter::Cause { message: &message, stack: &stack, event_id: Some(&id), ..cause() };
    let letter = LetterRequest::new(DELIVERY, "d", &record(None, None, &[]).record(0), &cause);
    for (name, cap) in
        [("kafka_dlt-exception-message", 2 << 10), ("kafka_dlt-exception-stacktrace", 8 << 10), ("onceward-event-id", 1 << 10)]
    {
        let text = std::str::from_utf8(find(&letter, name)[0]).unwrap();
        assert!(text.len() <= cap && text.len() > cap - 8 && text.ends_with('…'), "{name}: {}", text.len());
    }
}

#[test]
fn what_is_written_is_read() {
    let batch = record(Some(b"k"), Some(b"v"), &[header(&[0xff], Some(b"x")), header(b"onceward-attempts", Some(b"99"))]);
    let cause = onceward::letter::Cause { held_behind: Some("abc"), replays: Some(2), reason: Reason::Conflict, event_id: None, ..cause() };
    let letter = LetterRequest::new(DELIVERY, "d", &batch.record(0), &cause);
    let stored = record(None, None, &letter.headers);
    let read = Letter::read(&stored.record(0));
    let expected = Letter {
        dialect: Some(onceward::letter::Dialect::Onceward),
        id: Some(letter_id("billing", "orders", 1, 258)),
        reason: Some("conflict".to_owned()),
        event_id: Some("orders/1/258".to_owned()),
        correlation_id: Some("c1".to_owned()),
        attempts: Some(5),
        first_failed_at: Some(1_700_000_001_000),
        last_failed_at: Some(1_700_000_002_500),
        fingerprint: Some("0123456789abcdef".to_owned()),
        held_behind: Some("abc".to_owned()),
        replays: Some(2),
        topic: Some("orders".to_owned()),
        partition: Some(1),
        offset: Some(258),
        timestamp: Some(1_700_000_000_123),
        group: Some("billing".to_owned()),
        error_type: Some("ValueError".to_owned()),
        message: Some("no dep_time".to_owned()),
        stack: Some("invoice\n  main".to_owned()),
    };
    assert_eq!(read, expected);
}

#[test]
fn letter_ids_differ_by_each_part() {
    let ids = [letter_id("a", "bc", 0, 1), letter_id("ab", "c", 0, 1), letter_id("a", "bc", 1, 1), letter_id("a", "bc", 0, 2)];
    assert!((0..4).all(|one| (0..one).all(|other| ids[one] != ids[other])) && ids.iter().all(|id| id.len() == 32));
}
