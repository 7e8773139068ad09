//! The ledger does not grow for ever: once retention has deleted the copies of settled letters, what is left of them goes from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onceward::ledger::{Ask, Offset, Verb, ask};
use onceward::{Event, Failure};
use onceward_tests::kafka::{self, Outgoing};
use rdkafka::TopicPartitionList;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use crate::service::{Service, runtime};

/// The keys that a reader of the compacted topic would find.
fn live_keys(brokers: &str, ledger: &str) -> Vec<String> {
    let mut live = BTreeMap::new();
    for stored in kafka::read_all(brokers, ledger) {
        let key = String::from_utf8(stored.key.unwrap()).unwrap();
        live.insert(key, stored.value.is_some());
    }
    live.into_iter().filter(|entry| entry.1).map(|entry| entry.0).collect()
}

#[test]
fn after_retention_the_ledger_shrinks_to_the_claim() {
    let service = Service::new("cleaning", 1);
    let (dlt, ledger) = (format!("{}.{}.dlt", service.topic, service.group), format!("{}.{}.ledger", service.topic, service.group));
    let mended = Arc::new(AtomicBool::new(false));
    let app = || {
        let mended = Arc::clone(&mended);
        service.builder().build().unwrap().on(service.topic.clone(), move |_: Event| {
            let mended = mended.load(Ordering::SeqCst);
            async move { if mended { Ok(()) } else { Err(Failure::reject("not mended")) } }
        })
    };
    let records: Vec<_> = (0..6).map(|n: u8| Outgoing { partition: Some(0), value: Some(vec![n]), ..Outgoing::default() }).collect();
    kafka::produce(&service.brokers, &service.topic, &records);
    let tokio = runtime();
    let first = tokio.block_on(app().run_until_end(std::future::pending())).unwrap();
    assert_eq!(first.dead_letters, 6);
    mended.store(true, Ordering::SeqCst);
    let client = [("bootstrap.servers".to_owned(), service.brokers.clone())];
    for (verb, letters) in [(Verb::Replay, 0..3), (Verb::Discard, 3..6)] {
        let letters: Vec<_> = letters.map(|offset| (0, Offset(offset), 0)).collect();
        let what = Ask { verb, force: false, rate: None, who: "test".to_owned() };
        ask(&client, &ledger, &letters, &what, kafka::PATIENCE).unwrap();
    }
    let second = tokio.block_on(app().run_until_end(std::future::pending())).unwrap();
    assert_eq!((second.handled, second.dead_letters), (3, 0));
    let kept = live_keys(&service.brokers, &ledger);
    let letters = kept.iter().filter(|key| key.starts_with("letter/")).count();
    assert_eq!(letters, 12, "their copies are there: each was opened and settled, and stands in the ledger: {kept:?}");

    let admin: AdminClient<DefaultClientContext> = kafka::client(&service.brokers).create().unwrap();
    let mut gone = TopicPartitionList::new();
    gone.add_partition_offset(&dlt, 0, rdkafka::Offset::Offset(6)).unwrap();
    tokio.block_on(admin.delete_records(&gone, &AdminOptions::new())).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let third = tokio.spawn(app().run(async {
        stopped.await.ok();
    }));
    let left = kafka::until("nothing is left in the ledger but a claim", || {
        Some(live_keys(&service.brokers, &ledger)).filter(|keys| keys.len() == 1)
    });
    assert!(left[0].starts_with("claim/"), "{left:?}");
    stop.send(()).unwrap();
    let third = tokio.block_on(third).unwrap().unwrap();
    assert_eq!((third.handled, third.dead_letters), (0, 0));
    let fourth = tokio.block_on(app().run_until_end(std::future::pending())).unwrap();
    assert_eq!((fourth.handled, fourth.dead_letters), (0, 0), "what is forgotten is behind the committed offset");
}
