//! The rig beside the real loop on a broker: the same service must leave the same traces.

use std::collections::BTreeMap;
use std::time::Duration;

use onceward::testing::{Rig, RigOptions};
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Publish};
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};

use crate::broker::{Broker, Sent};

async fn handler(event: Event) -> Result<(), Failure> {
    if event.value() == Some(b"bad") {
        return Err(std::io::Error::other(format!("no total in {}", event.id())).into());
    }
    for number in 0..100 {
        event.publish(Publish::to("invoices").key(format!("customer-{number}")).value(event.id()).header("own", "1"));
    }
    Ok(())
}

fn app(brokers: &str, inbox: &str) -> Consumer {
    let app = Consumer::builder().brokers(brokers).group("billing").inbox(inbox).auto_offset_reset(AutoOffsetReset::Earliest);
    let app = app.retry(Backoff::new().attempts(2).first(Duration::from_millis(5)));
    app.kafka("session.timeout.ms", "4000").kafka("heartbeat.interval.ms", "300").build().unwrap().on("orders", handler)
}

type Bytes = Option<Vec<u8>>;

/// A record of either, without what differs between any two runs.
fn record(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    partition: i32,
    headers: Vec<(String, Bytes)>,
) -> (Bytes, Bytes, i32, Vec<(String, Bytes)>) {
    let times = ["kafka_dlt-original-timestamp", "onceward-first-failed-at", "onceward-last-failed-at"];
    let headers = headers
        .into_iter()
        .map(|(name, value)| {
            let cleared = times.contains(&name.as_str());
            let length = value.as_ref().map(Vec::len);
            if cleared { (name, length.map(|length| length.to_string().into_bytes())) } else { (name, value) }
        })
        .collect();
    (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), partition, headers)
}

fn real(message: &OwnedMessage) -> (Bytes, Bytes, i32, Vec<(String, Bytes)>) {
    let headers = message.headers().unwrap().iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect();
    record(message.key(), message.payload(), message.partition(), headers)
}

fn names(headers: &[(Vec<u8>, Bytes)]) -> Vec<(String, Bytes)> {
    headers.iter().map(|(name, value)| (String::from_utf8(name.clone()).unwrap(), value.clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_and_publishes_are_those_of_the_real_loop() {
    crate::broker::logs();
    let broker = Broker::start(&["orders"], "billing", 1);
    broker.cluster.create_topic("invoices", 12, 1).unwrap();
    let sent = [("c1", "e1", "bad"), ("c2", "e2", "ok")];
    broker.send(
        "orders",
        sent.map(|(key, id, value)| Sent {
            key: Some(key),
            value: value.to_owned(),
            headers: vec![("correlation-id", format!("flow-{id}")), ("onceward-id", id.to_owned())],
        }),
    );
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    app(&broker.address(), &inbox).run_until_end(std::future::pending()).await.unwrap();
    let letters: Vec<_> = broker.read("orders.billing.dlt", 1).iter().map(real).collect();
    let mut published: BTreeMap<Bytes, _> = BTreeMap::new();
    for message in &broker.read("invoices", 100) {
        published.insert(message.key().map(<[u8]>::to_vec), real(message));
    }

    let rig = Rig::with(app("localhost:1", &inbox), RigOptions::new().partitions("invoices", 12)).unwrap();
    for (key, id, value) in sent {
        let record = onceward::testing::SendOptions::new().key(key).value(value).header("correlation-id", format!("flow-{id}"));
        rig.send("orders", record.id(id)).unwrap();
    }
    rig.run().unwrap();
    let simulated: Vec<_> = rig
        .dead_letters()
        .iter()
        .map(|letter| record(letter.key.as_deref(), letter.value.as_deref(), letter.position.partition, names(&letter.headers.0)))
        .collect();
    assert_eq!(simulated, letters);
    let simulated: BTreeMap<Bytes, _> = rig
        .published()
        .iter()
        .map(|one| (one.key.clone(), record(one.key.as_deref(), one.value.as_deref(), one.position.partition, names(&one.headers.0))))
        .collect();
    assert_eq!(simulated.len(), 100);
    assert_eq!(simulated, published, "partitions included");
}
