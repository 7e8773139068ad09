//! A key is held behind its letter, and comes back in order.

use std::sync::atomic::Ordering;

use onceward_engine::ledger::Verb;
use rdkafka::Message as _;
use rdkafka::message::Headers as _;

use crate::support::{self, Broker};
use crate::world::{Service, TOPIC, command, orders, run};

fn poison(ordinal: usize) -> bool {
    ordinal == 6
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_key_follows_its_letter_and_is_replayed_in_order() {
    support::logs();
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let broker = Broker::start(&[TOPIC], "g", 1);
    let service = Service::default();
    broker.send(TOPIC, orders(0, 30));
    let summary = run(&broker, &inbox, &service, poison).await;
    assert_eq!(service.of("a"), [0, 3], "nothing of the key is handled behind its letter");
    for key in ["b", "c"] {
        assert_eq!(service.of(key).len(), 10, "{key} does not notice");
    }
    assert_eq!((summary.handled, summary.dead_letters), (22, 8));
    let letters = broker.read("orders.g.dlt", 8);
    let told: Vec<_> = letters
        .iter()
        .map(|letter| {
            let header = |name: &str| {
                let found = letter.headers().unwrap().iter().find(|header| header.key == name).and_then(|header| header.value);
                found.map(|value| String::from_utf8_lossy(value).into_owned())
            };
            let ordinal = String::from_utf8_lossy(letter.payload().unwrap()).into_owned();
            (ordinal, header("onceward-reason").unwrap(), header("onceward-held-behind"))
        })
        .collect();
    let id = onceward::letter::letter_id("g", TOPIC, 0, 6);
    let mut expected = vec![("6".to_owned(), "exhausted".to_owned(), None)];
    expected.extend((9..30).step_by(3).map(|ordinal| (ordinal.to_string(), "held-behind".to_owned(), Some(id.clone()))));
    assert_eq!(told, expected);

    // Another member, mended, with more of the key to come.
    service.mended.store(true, Ordering::SeqCst);
    broker.send(TOPIC, orders(30, 45));
    let summary = run(&broker, &inbox, &service, poison).await;
    assert_eq!(service.of("a"), [0, 3], "still held: nobody asked for a replay");
    assert_eq!(summary.dead_letters, 5);
    command(&broker, Verb::Replay, 0, &[(6, 0)]);
    broker.send(TOPIC, orders(45, 60));
    let summary = run(&broker, &inbox, &service, poison).await;
    assert_eq!(service.of("a"), (0..60).step_by(3).collect::<Vec<_>>(), "in order: the letter, its followers, what came since");
    assert_eq!(service.replayed.load(Ordering::SeqCst), 13, "the letter and its followers");
    assert_eq!(summary.dead_letters, 0);

    // What is settled is not handled again, however often it is asked for.
    command(&broker, Verb::Replay, 0, &[(6, 0)]);
    let summary = run(&broker, &inbox, &service, poison).await;
    assert_eq!((summary.handled, summary.dead_letters), (0, 0));
    assert_eq!(service.of("a").len(), 20);
}
