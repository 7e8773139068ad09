//! Kinds of handlers, against a broker in the process: that read, for types, for many events at once, paused and limited ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod batches;
mod control;
mod foreign;
mod query;
mod routing;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event};
use support::{Broker, Sent};

fn builder(broker: &Broker, inbox: &str) -> Builder {
    Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox(inbox)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(2).first(Duration::from_millis(5)))
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "100")
}

/// Events numbered by their values and ids, over so many keys.
fn send(broker: &Broker, topic: &str, numbers: std::ops::Range<usize>, keys: usize) {
    let names: Vec<String> = (0..keys).map(|key| format!("k{key}")).collect();
    let record = |number: usize| Sent {
        key: Some(&names[number % keys]),
        value: number.to_string(),
        headers: vec![("onceward-id", format!("e{number}"))],
    };
    broker.send(topic, numbers.map(record));
}

fn number(event: &Event) -> usize {
    std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap()
}

/// Waits for what another thread will bring about.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
