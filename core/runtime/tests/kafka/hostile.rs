//! Bytes that nobody expects, over the wire and back.

use std::time::Duration;

use onceward::kafka::{Batch, SourceFact, producer_properties};
use onceward::letter::{HeaderBytes, Producer, ProducerFact, PublishRequest};

use crate::support::{LONG, Listener, cluster, settings};

fn header(name: &[u8], value: Option<&[u8]>) -> HeaderBytes {
    (name.to_vec(), value.map(<[u8]>::to_vec))
}

type Bytes = Option<Vec<u8>>;

fn round_trip(records: &[(Bytes, Bytes, Vec<HeaderBytes>)]) -> Vec<Batch> {
    let cluster = cluster("orders", 1);
    let (sender, facts) = crossbeam_channel::unbounded();
    let producer =
        Producer::start(&producer_properties(&cluster.bootstrap_servers(), &[]), Box::new(move |fact| drop(sender.send(fact)))).unwrap();
    for (token, (key, value, headers)) in (0..).zip(records) {
        let (key, value, headers) = (key.clone(), value.clone(), headers.clone());
        producer.publish(PublishRequest { token, topic: "orders".to_owned(), key, value, headers, timestamp: Some(1_000) });
        // One after the other, so that the order of offsets is ours.
        assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Published { token: of, result: Ok(()) } if of == token));
    }
    producer.close(LONG).unwrap();
    let mut batches = Vec::new();
    let (sender, facts) = crossbeam_channel::unbounded();
    let mut settings = settings(&cluster, "g", "orders");
    settings.batches_ahead = 1_000;
    let source = onceward::kafka::Source::start(settings, Box::new(move |fact| drop(sender.send(fact)))).unwrap();
    while batches.iter().map(Batch::len).sum::<usize>() < records.len() {
        if let SourceFact::Batch(batch) = facts.recv_timeout(LONG).unwrap() {
            batches.push(batch);
        }
    }
    drop(source);
    batches
}

#[test]
fn every_byte_arrives_as_it_was_sent() {
    let many: Vec<HeaderBytes> = (0..10_000).map(|number: u32| header(b"h", Some(&number.to_be_bytes()))).collect();
    let records = vec![
        (None, None, vec![]),
        (Some(vec![]), Some(vec![]), vec![header(b"", Some(b"")), header(b"null", None)]),
        (
            Some(vec![0, 255]),
            Some(vec![0; 900_000]),
            vec![header(b"twice", Some(b"1")), header(b"twice", Some(b"2")), header(b"twice", None)],
        ),
        (Some(b"k".to_vec()), Some(b"v".to_vec()), vec![header(&[0xff, 0xfe, b'x'], Some(&[0, 1])), header(b"nul\0inside", Some(b"v"))]),
        (None, Some(b"many".to_vec()), many),
    ];
    let batches = round_trip(&records);
    let read: Vec<_> = batches
        .iter()
        .flat_map(Batch::iter)
        .map(|record| {
            let headers: Vec<HeaderBytes> = record.headers().map(|found| header(found.name, found.value)).collect();
            assert_eq!(record.meta.timestamp, Some(1_000));
            (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec), headers)
        })
        .collect();
    for (index, (read, sent)) in read.iter().zip(&records).enumerate() {
        assert!(read == sent, "record {index}: {:.300?}", (read, sent));
    }
}

#[test]
fn a_listener_closes_while_records_are_queued() {
    let cluster = cluster("orders", 1);
    crate::support::fill(&cluster, "orders", 1, 0..5_000);
    let mut listener = Listener::start(settings(&cluster, "g", "orders"));
    listener.until_seen(100);
    assert!(listener.close(Duration::from_secs(10)) < Duration::from_secs(10));
}
