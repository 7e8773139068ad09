//! Bad days of a ledger: missing, removed, from the future, and with letters that retention is about to take.

use std::time::{SystemTime, UNIX_EPOCH};

use onceward::ledger::{Claim, LetterRecord, LetterState, Offset, Record, encode, key_digest};
use onceward_tests::kafka::{self, Outgoing};

use crate::mended::{LETTERS, Mended};
use crate::receiver::Receiver;
use crate::service::Service;

const COMPACT: [(&str, &str); 1] = [("cleanup.policy", "compact")];
const DAY: i64 = 86_400_000;

fn write(service: &Service, partition: i32, key: &str, value: &[u8]) {
    let (key, value) = (Some(key.as_bytes().to_vec()), Some(value.to_vec()));
    kafka::produce(&service.brokers, &service.ledger(), &[Outgoing { partition: Some(partition), key, value, headers: Vec::new() }]);
}

fn partitions(mended: &Mended) -> (usize, usize) {
    let notes = mended.notes.lock().unwrap();
    let of = |partition| notes.iter().filter(|note| note.0 == partition).count();
    (of(0), of(1))
}

#[test]
fn a_partition_whose_ledger_is_of_a_later_version_is_left_alone_and_others_go_on() {
    let (service, mended) = (Service::new("newer", 2), Mended::default());
    kafka::create(&service.brokers, &service.ledger(), 2, &COMPACT);
    write(&service, 1, "letter/17/0/open-0", br#"{"v":2}"#);
    let running = mended.start(&service, service.builder());
    service.send(0, &["good-a1", "good-b1"]);
    service.send(1, &["good-a1", "good-b1"]);
    kafka::until("the partition is halted", || running.shows("onceward_partitions_halted", 1));
    kafka::until("the other one goes on", || (service.committed(0) == Some(2)).then_some(()));
    assert_eq!((partitions(&mended), service.committed(1)), ((2, 0), None), "nothing of it is handled, and nothing committed");

    // A command of a later version, while the partition is ours.
    write(&service, 0, "command/x", br#"{"v":2}"#);
    kafka::until("it is halted, too", || running.shows("onceward_partitions_halted", 2));
    service.send(0, &["good-c1"]);
    assert_eq!(running.stop().unwrap().halted, 2);
    assert_eq!(partitions(&mended), (2, 0));
}

#[test]
fn a_ledger_that_is_missing_at_the_start_is_named_with_the_command() {
    let service = Service::new("no-ledger", 1);
    kafka::create(&service.brokers, &service.letters(), 1, &[]);
    let (result, handled) = service.run_until_end(service.builder().create_topics(false));
    let message = result.unwrap_err().to_string();
    assert!(message.contains(&service.ledger()) && message.contains("onceward topics apply"), "{message}");
    assert!(handled.is_empty());
}

#[test]
fn a_ledger_that_is_removed_stops_letters_and_loses_none() {
    let (service, mended) = (Service::new("ledger-removed", 1), Mended::default());
    let running = mended.start(&service, service.builder().kafka("topic.metadata.propagation.max.ms", "1000"));
    service.send(0, &["good-a1"]);
    kafka::until("it runs", || (service.committed(0) == Some(1)).then_some(()));
    kafka::delete(&service.brokers, &service.ledger());
    service.send(0, &["bad-b1", "good-c1"]);
    kafka::until("healthy events go on, or the end says why", || {
        if running.is_over() { Some(()) } else { mended.values().contains(&"good-c1".to_owned()).then_some(()) }
    });
    assert!(service.committed(0) == Some(1), "no offset passes a letter that nobody knows of");
    let ended = running.stop().err().map(|error| error.to_string());
    assert!(ended.as_deref().is_none_or(|text| text.contains("onceward topics plan")), "{ended:?}");

    // The command that the message names, and another start.
    mended.mend();
    let running = mended.start(&service, service.builder());
    kafka::until("nothing is lost", || (service.committed(0) == Some(3)).then_some(()));
    assert!(mended.values().contains(&"bad-b1".to_owned()), "{:?}", mended.values());
    running.stop().unwrap();
}

#[test]
fn a_webhook_hears_of_a_letter_before_retention_takes_it() {
    let (service, mended, receiver) = (Service::new("retention", 1), Mended::default(), Receiver::start(1));
    kafka::create(&service.brokers, &service.letters(), 1, &LETTERS);
    kafka::create(&service.brokers, &service.ledger(), 1, &COMPACT);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let claim = Claim { prev: None, member: "m".to_owned(), generation: 1, store: "s".to_owned(), time: now - 29 * DAY };
    let letter = LetterRecord {
        offset: Offset(0),
        epoch: Offset(0),
        state: LetterState::Open,
        replays: 0,
        key: Some(key_digest(b"a")),
        holds: true,
        letter: Offset(0),
        reason: onceward_engine::Reason::Exhausted,
        fingerprint: "f".to_owned(),
        time: now - 29 * DAY,
        again: 0,
    };
    for record in [Record::Claim(claim), Record::Letter(letter)] {
        let (key, value) = encode(&record, "claim");
        write(&service, 0, &key.to_string(), &value);
    }
    // Its event was read long ago.
    service.send(0, &["bad-a1"]);
    kafka::set_committed(&service.brokers, &service.group, &service.topic, 0, 1);
    let url = receiver.url.clone();
    let builder = service.builder().configure(|config| {
        let hook = onceward::config::raw::Webhook { url: Some(url), ..Default::default() };
        config.alerts = Some(onceward::config::raw::Alerts { webhook: Some(hook) });
    });
    let running = mended.start(&service, builder);
    let taken = receiver.wait("the alarm, although the first try was refused", |taken| !taken.is_empty());
    let body = &taken[0].body;
    assert_eq!(
        (&body["type"], &body["topic"], &body["group"]),
        (&"letter_expires".into(), &service.topic.as_str().into(), &service.group.as_str().into())
    );
    assert_eq!((&body["open"], &body["held"], &body["first"], &body["version"]), (&1.into(), &0.into(), &true.into(), &1.into()));
    let left = body["seconds_left"].as_u64().unwrap();
    assert!((82_800..=86_400).contains(&left), "about a day: {left}");
    assert!(body["deleted_at"].as_str().unwrap().ends_with('Z') && body.get("letter_id").is_none());
    running.stop().unwrap();
}
