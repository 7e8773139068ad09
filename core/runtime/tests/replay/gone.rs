//! A letter whose place is where the dead-letter topic ends: it was made anew, or lost its newest records.

use std::sync::atomic::Ordering;
use std::time::Duration;

use onceward::ledger::encode;
use onceward_engine::ledger::{Claim, KeyDigest, LetterRecord, LetterState, Record, Verb};
use onceward_engine::{Offset, Reason};
use rdkafka::Message as _;

use crate::support::{self, Broker};
use crate::world::{Service, TOPIC, command, orders, run, write};

/// A letter that the ledger knows, at a place of the dead-letter topic.
fn letter(offset: i64, place: i64) -> Record {
    Record::Letter(LetterRecord {
        offset: Offset(offset),
        epoch: Offset(0),
        state: LetterState::Open,
        replays: 0,
        key: Some(KeyDigest(7)),
        holds: true,
        letter: Offset(place),
        reason: Reason::Exhausted,
        fingerprint: String::new(),
        time: 0,
        again: 0,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_where_its_topic_ends_is_gone_and_the_replay_goes_on() {
    support::logs();
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let broker = Broker::start(&[TOPIC], "g", 1);
    broker.send(TOPIC, orders(0, 9));
    let claim = Claim { prev: None, member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: 0 };
    write(&broker, 0, &encode(&Record::Claim(claim), "c1"));
    // The topic is empty: one stands at its end, the other one behind that.
    write(&broker, 0, &encode(&letter(2, 0), ""));
    write(&broker, 0, &encode(&letter(4, 3), ""));
    command(&broker, Verb::Replay, 0, &[(2, 0), (4, 0)]);
    let service = Service::default();
    service.mended.store(true, Ordering::SeqCst);
    let summary =
        tokio::time::timeout(Duration::from_secs(60), run(&broker, &inbox, &service, |_| false)).await.expect("it waits for a letter");
    assert_eq!((summary.handled, service.replayed.load(Ordering::SeqCst)), (7, 0), "all but the two that are letters");
    // A claim, two letters, a command, our claim, the end of the one before, and what became of the letters.
    let ledger = broker.read("orders.g.ledger", 8);
    let keys = ledger.iter().filter_map(|record| Some(String::from_utf8_lossy(record.key()?).into_owned()));
    let failed: Vec<String> = keys.filter(|key| key.starts_with("letter/") && key.ends_with("/open-1")).collect();
    assert_eq!(failed.len(), 2, "open again, with a replay that failed, for a person to see: {failed:?}");
}
