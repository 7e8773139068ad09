//! The raw row: rdkafka's `BaseConsumer` poll loop that only counts.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};

use crate::env::{self, Line};
use crate::{Outcome, plan};

/// A consumer with the client settings that Onceward uses, so that the rows differ in what they do and not in how they fetch.
pub(super) fn consumer() -> Outcome<BaseConsumer> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", env::brokers())
        .set("group.id", env::text("GROUP", "bench"))
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "true");
    for (name, value) in plan::FETCH {
        config.set(*name, *value);
    }
    let consumer: BaseConsumer = config.create()?;
    consumer.subscribe(&[&env::text("TOPIC", "bench")])?;
    Ok(consumer)
}

pub(super) fn run() -> Outcome<()> {
    let started = Instant::now();
    let count = env::number("COUNT", 1_000);
    let consumer = consumer()?;
    let (mut seen, mut first) = (0, started);
    while seen < count {
        if let Some(Ok(_record)) = consumer.poll(Duration::from_millis(100)) {
            if seen == 0 {
                first = Instant::now();
            }
            seen += 1;
        }
    }
    consumer.commit_consumer_state(CommitMode::Sync)?;
    Line::new("rust-base", seen, first, started).print();
    Ok(())
}
