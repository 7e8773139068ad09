//! Writing letters: bytes, refusals, outages.

use std::time::Duration;

use onceward::kafka::Batch;
use onceward::letter::{HeaderBytes, LetterRequest, ProducerFact, PublishRequest};
use onceward_engine::DeliveryId;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::{DELIVERY, LONG, cause, cluster, header, read, record, start};

const TOPIC: &str = "orders.billing.dlt";

fn letter(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderBytes]) -> LetterRequest {
    LetterRequest::new(DELIVERY, TOPIC, &record(key, value, headers).record(0), &cause())
}

fn names(batches: &[Batch]) -> Vec<String> {
    let headers = batches.iter().flat_map(Batch::iter).flat_map(|record| record.headers());
    headers.map(|header| String::from_utf8_lossy(header.name).into_owned()).collect()
}

#[test]
fn letters_arrive_byte_for_byte() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    let own = [
        header(&[0xff, b'a'], Some(&[0, 0xff])),
        header(b"x", Some(b"1")),
        header(b"x", None),
        header(b"nul\0in", Some(b"")),
        header(b"x", Some(b"1")),
    ];
    let letters = [letter(None, None, &own), letter(Some(b""), Some(b""), &[]), letter(Some(&[0xfe]), Some(&[0xff; 100_000]), &own)];
    for letter in &letters {
        producer.send_letter(letter.clone());
        assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Lettered { delivery: DELIVERY, .. }));
    }
    assert_eq!(producer.in_flight(), 0);
    producer.close(LONG).unwrap();
    let batches = read(&cluster, TOPIC, letters.len());
    let records: Vec<_> = batches.iter().flat_map(Batch::iter).collect();
    for (record, letter) in records.iter().zip(&letters) {
        assert_eq!((record.key(), record.value()), (letter.key.as_deref(), letter.value.as_deref()));
        assert!(record.headers().map(|found| header(found.name, found.value)).eq(letter.headers.iter().cloned()));
        assert!(record.meta.timestamp.unwrap() > 1_700_000_000_123, "a letter's time is the time of dead-lettering");
    }
}

#[test]
fn a_letter_that_is_too_large_loses_our_texts_and_never_its_payload() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    // The first answer may be one about its company; then the stack is cut, then the message.
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large, too_large, too_large]);
    producer.send_letter(letter(Some(b"k"), Some(b"v"), &[]));
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Lettered { .. }));
    let batches = read(&cluster, TOPIC, 1);
    let names = names(&batches);
    assert!(!names.iter().any(|name| name.ends_with("stacktrace") || name.ends_with("message")), "{names:?}");
    assert!(names.contains(&"onceward-letter-id".to_owned()));
    assert_eq!(batches[0].record(0).value(), Some(&b"v"[..]));
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large, too_large, too_large, too_large]);
    producer.send_letter(letter(Some(b"k"), Some(b"v"), &[]));
    let ProducerFact::Refused { delivery: DELIVERY, why } = facts.recv_timeout(LONG).unwrap() else { panic!("not refused") };
    assert!(why.contains(TOPIC) && why.contains("max.message.bytes"), "{why}");
    // It is kept, and goes when it can.
    assert_eq!(producer.in_flight(), 1);
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Lettered { .. }));
}

#[test]
fn letters_that_are_too_large_together_are_not_cut() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    (0..10).for_each(|_| producer.send_letter(letter(Some(b"k"), Some(b"v"), &[])));
    (0..10).for_each(|_| assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Lettered { .. })));
    let names = names(&read(&cluster, TOPIC, 10));
    assert_eq!(names.iter().filter(|name| name.ends_with("stacktrace")).count(), 10, "one answer about all of them says nothing of one");
}

#[test]
fn a_refused_publish_fails_and_a_refused_letter_stays() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[denied]);
    producer.publish(PublishRequest { token: 5, topic: TOPIC.to_owned(), key: None, value: None, headers: vec![], timestamp: None });
    let ProducerFact::Published { token: 5, result: Err(why) } = facts.recv_timeout(LONG).unwrap() else { panic!("not refused") };
    assert!(why.contains("WRITE"), "{why}");
    cluster.request_errors(RDKafkaApiKey::Produce, &[denied]);
    producer.send_letter(letter(None, None, &[]));
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Refused { .. }));
    producer.abandon(&[DELIVERY]);
    assert_eq!(producer.in_flight(), 0);
    producer.close(LONG).unwrap();
}

#[test]
fn an_outage_is_reported_and_everything_is_written_after_it() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    producer.send_letter(letter(None, Some(b"before"), &[]));
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Lettered { .. }));
    cluster.broker_down(1).unwrap();
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Down { .. }));
    for slot in 0..100 {
        producer.send_letter(LetterRequest { delivery: DeliveryId { slot, generation: 0 }, ..letter(None, Some(b"during"), &[]) });
    }
    cluster.broker_up(1).unwrap();
    let (mut up, mut lettered) = (0, Vec::new());
    while lettered.len() < 100 {
        match facts.recv_timeout(LONG).unwrap() {
            ProducerFact::Up => up += 1,
            ProducerFact::Lettered { delivery, .. } => lettered.push(delivery.slot),
            other => panic!("{other:?}"),
        }
    }
    lettered.sort_unstable();
    assert_eq!((up, lettered), (1, (0..100).collect()));
    producer.close(LONG).unwrap();
    let batches = read(&cluster, TOPIC, 101);
    assert_eq!(batches.iter().map(Batch::len).sum::<usize>(), 101, "each once");
}

#[test]
fn closing_with_the_brokers_gone_says_what_is_left_by_the_deadline() {
    let cluster = cluster(TOPIC);
    let (producer, _facts) = start(&cluster);
    cluster.broker_down(1).unwrap();
    producer.send_letter(letter(None, None, &[]));
    let start = std::time::Instant::now();
    let error = producer.close(Duration::from_secs(1)).unwrap_err().to_string();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(error.contains("1 dead letters"), "{error}");
}

#[test]
fn a_letter_that_the_broker_never_takes_stops_only_its_key() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    // What a broker says of a null key in a compacted topic: it will say so for ever.
    let invalid = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD;
    cluster.request_errors(RDKafkaApiKey::Produce, &[invalid]);
    producer.send_letter(letter(None, None, &[]));
    let fact = facts.recv_timeout(LONG).unwrap();
    assert!(matches!(fact, ProducerFact::Refused { .. }), "{fact:?}");
}

#[test]
fn a_refused_letter_does_not_keep_consumption_paused() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    let passing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN;
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::Produce, &[passing, denied, denied, denied, denied]);
    producer.send_letter(letter(None, None, &[]));
    let fact = facts.recv_timeout(LONG).unwrap();
    assert!(matches!(fact, ProducerFact::Down { .. }), "{fact:?}");
    let fact = facts.recv_timeout(LONG).unwrap();
    assert!(matches!(fact, ProducerFact::Refused { .. }), "{fact:?}");
    // The broker answers; only this letter is not wanted.
    let fact = facts.recv_timeout(Duration::from_secs(10));
    assert!(matches!(fact, Ok(ProducerFact::Up)), "{fact:?}");
}

#[test]
fn a_closed_producer_answers_whoever_waits() {
    let cluster = cluster(TOPIC);
    let (producer, facts) = start(&cluster);
    cluster.broker_down(1).unwrap();
    producer.publish(PublishRequest { token: 5, topic: TOPIC.to_owned(), key: None, value: None, headers: vec![], timestamp: None });
    producer.close(Duration::from_secs(1)).unwrap_err();
    let answered = facts.try_iter().any(|fact| matches!(fact, ProducerFact::Published { token: 5, result: Err(_) }));
    assert!(answered, "the handler waits for ever");
}
