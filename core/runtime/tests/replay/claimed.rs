//! Somebody who does not own a partition claims it, and the group never takes it from its owner.

use std::time::Duration;

use onceward::Event;
use onceward::ledger::{Claim, Record, decode, encode};
use onceward_engine::Offset;
use rdkafka::Message as _;

use crate::support::{self, Broker};
use crate::world::{TOPIC, builder, orders, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_owner_takes_it_up_again_and_misses_nothing() {
    support::logs();
    let broker = Broker::start(&[TOPIC], "g", 1);
    let (handled, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let app = builder(&broker, "memory").build().unwrap().on(TOPIC, move |event: Event| {
        let handled = handled.clone();
        async move {
            handled.send(event.offset()).unwrap();
            Ok(())
        }
    });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let service = tokio::spawn(async move {
        app.run(async {
            stopped.await.ok();
        })
        .await
    });
    broker.send(TOPIC, orders(0, 1));
    assert_eq!(seen.recv().await, Some(0));
    let prev = Some(Offset(0));
    let stranger = Claim { prev, member: "stranger".to_owned(), generation: 1, store: "elsewhere".to_owned(), time: 0 };
    write(&broker, 0, &encode(&Record::Claim(stranger), "theirs"));
    // It reads of it, waits for the group to speak, asks it, and claims on top.
    let ledger = tokio::task::block_in_place(|| broker.read("orders.g.ledger", 3));
    let (_, claim) = decode(ledger[2].key().unwrap(), ledger[2].payload().unwrap()).unwrap();
    let Record::Claim(claim) = claim else { panic!("no claim: {claim:?}") };
    assert_eq!(claim.prev, Some(Offset(1)), "on top of the stranger's");
    broker.send(TOPIC, orders(1, 3));
    let next = async { (seen.recv().await, seen.recv().await) };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), next).await.unwrap(), (Some(1), Some(2)));
    stop.send(()).unwrap();
    let summary = service.await.unwrap().unwrap();
    assert_eq!(summary.handled, 3, "each of them once");
}
