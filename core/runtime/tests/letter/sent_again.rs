//! Records of ledgers of which nobody knows whether they were written.

use onceward::kafka::Batch;
use onceward::ledger::Key;
use onceward::letter::{LedgerRequest, ProducerFact};
use onceward_engine::Offset;
use onceward_engine::ledger::LetterState;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use crate::support::{Cluster, LONG, cluster, read, start};

const LEDGER: &str = "orders.billing.ledger";

fn open() -> Key {
    Key::Letter { offset: Offset(17), epoch: Offset(4), state: LetterState::Open, replays: 0, again: 0 }
}

fn request(token: u64, key: Key, value: Option<&[u8]>) -> LedgerRequest {
    LedgerRequest { token, topic: LEDGER.to_owned(), partition: 1, key, value: value.map(<[u8]>::to_vec) }
}

/// The next write fails, and does not say whether it got anywhere.
fn fail_one(cluster: &Cluster) {
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN]);
}

fn keys(cluster: &Cluster, count: usize) -> Vec<String> {
    let batches = read(cluster, LEDGER, count);
    let keys = batches.iter().flat_map(Batch::iter).map(|record| String::from_utf8_lossy(record.key().unwrap()).into_owned());
    keys.collect()
}

#[test]
fn a_letters_record_is_sent_again_under_a_key_of_its_own_and_that_is_told_before() {
    let cluster = cluster(LEDGER);
    let (producer, facts) = start(&cluster);
    fail_one(&cluster);
    producer.record(request(1, open(), Some(b"{}")));
    let mut told = Vec::new();
    loop {
        match facts.recv_timeout(LONG).unwrap() {
            ProducerFact::SentAgain { token: 1 } => told.push("sent again"),
            ProducerFact::Recorded { token: 1, .. } => break,
            ProducerFact::Down { .. } | ProducerFact::Up => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, ["sent again"]);
    assert_eq!(keys(&cluster, 1), ["letter/17/4/open-0/1"], "the first one may land, too: under its own key");
}

#[test]
fn a_claim_is_given_up_and_never_sent_again() {
    let cluster = cluster(LEDGER);
    let (producer, facts) = start(&cluster);
    fail_one(&cluster);
    producer.record(request(1, Key::Claim("try".to_owned()), Some(b"{}")));
    loop {
        match facts.recv_timeout(LONG).unwrap() {
            ProducerFact::RecordGivenUp { token: 1 } => break,
            ProducerFact::Down { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(producer.in_flight(), 0);
    // Nothing waits for the broker any more: consumption goes on.
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Up));
    producer.record(request(2, Key::Claim("another".to_owned()), Some(b"{}")));
    assert!(matches!(facts.recv_timeout(LONG).unwrap(), ProducerFact::Recorded { token: 2, .. }));
    assert_eq!(keys(&cluster, 1), ["claim/another"]);
}

#[test]
fn what_takes_something_out_is_sent_again_as_it_is() {
    let cluster = cluster(LEDGER);
    let (producer, facts) = start(&cluster);
    fail_one(&cluster);
    producer.record(request(1, open(), None));
    loop {
        match facts.recv_timeout(LONG).unwrap() {
            ProducerFact::Recorded { token: 1, .. } => break,
            ProducerFact::Down { .. } | ProducerFact::Up => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(keys(&cluster, 1), ["letter/17/4/open-0"]);
}
