//! The raw rows: rdkafka's `BaseConsumer` poll loop that only counts, or that produces a copy of each record.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};

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
    let copies = (env::text("HANDLER", "noop") == "copy").then(Copies::new).transpose()?;
    let (mut seen, mut first) = (0, started);
    while seen < count {
        if let Some(Ok(record)) = consumer.poll(Duration::from_millis(100)) {
            if seen == 0 {
                first = Instant::now();
            }
            if let Some(copies) = &copies {
                copies.send(&record)?;
            }
            seen += 1;
        }
    }
    if let Some(copies) = &copies {
        copies.producer.flush(Duration::from_secs(60))?;
    }
    consumer.commit_consumer_state(CommitMode::Sync)?;
    Line::new("rust-base", seen, first, started).print();
    Ok(())
}

/// What a service would write by hand to publish one event for each: nothing is remembered, nothing is in one transaction.
struct Copies {
    producer: ThreadedProducer<DefaultProducerContext>,
    topic: String,
}

impl Copies {
    fn new() -> Outcome<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", env::brokers()).set("enable.idempotence", "true").set("linger.ms", "5");
        Ok(Self { producer: config.create()?, topic: format!("{}.out", env::text("TOPIC", "bench")) })
    }

    fn send(&self, record: &BorrowedMessage<'_>) -> Outcome<()> {
        let headers = record.headers().map_or_else(OwnedHeaders::new, BorrowedHeaders::detach);
        let mut copy = BaseRecord::to(&self.topic).key(record.key().unwrap_or_default());
        copy = copy.payload(record.payload().unwrap_or_default()).headers(headers);
        while let Err((error, back)) = self.producer.send(copy) {
            if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            copy = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}
