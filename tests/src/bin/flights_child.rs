//! An ordinary service over the flights, which the campaign in `tests/faults` kills. It writes down what it does.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test's program; what goes wrong must end it")]

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use onceward::config::raw::Breaker;
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure};
use onceward_flights::{CREATE, Flight, UPSERT, hash};
use onceward_tests::consumer_child::Orders;
use onceward_tests::history::{End, Spot, Step, now};
use onceward_tests::witness::Witness;

/// A cancelled flight: the handler can do nothing with it.
#[derive(Debug)]
struct Cancelled;

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled: it has no departure time")
    }
}

impl std::error::Error for Cancelled {}

struct Child {
    orders: Orders,
    witness: Arc<Witness>,
}

impl Child {
    async fn handle(&self, event: Event) -> Result<(), Failure> {
        let partition = event.partition();
        let epoch = self.witness.epoch(partition);
        let spot = Spot::new(event.topic(), partition, event.offset());
        let key = event.key().map(|key| String::from_utf8_lossy(key).into_owned());
        let correlation = Some(event.correlation_id());
        self.witness.say(partition, Step::Started { spot: spot.clone(), key, attempt: event.attempt(), correlation });
        while self.orders.gate.exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if self.orders.pace.exists() {
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        let result = self.fold(&event, epoch, &spot);
        let end = match &result {
            Ok(()) => End::Done,
            Err(_) if event.attempt() >= Orders::ATTEMPTS => End::GivenUp,
            Err(_) => End::Retry,
        };
        self.witness.say(partition, Step::Ended { spot, end });
        result
    }

    fn fold(&self, event: &Event, epoch: u32, spot: &Spot) -> Result<(), Failure> {
        let flight: Flight = event.json()?;
        let (Some(_), Some(tailnum)) = (flight.dep, &flight.tailnum) else { return Err(Cancelled.into()) };
        let at = i64::try_from(now()).unwrap_or(i64::MAX);
        event.effect(
            "INSERT INTO journal(at, part, record, lane, id, member, epoch) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (at, spot.partition, spot.offset, tailnum, &flight.id, &self.orders.member, epoch),
        );
        let chain = i64::try_from(hash(&flight.id)).unwrap();
        event.effect(UPSERT, (tailnum, flight.miles, &flight.dest, chain));
        if std::fs::remove_file(&self.orders.slow_commit).is_ok() {
            // Counts for some seconds inside the transaction; the parent kills us there.
            event.effect(
                "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 60000000) \
                 UPDATE journal SET at = at WHERE number = (SELECT -max(i) FROM n)",
                (),
            );
            self.witness.say(spot.partition, Step::Slowed { spot: spot.clone() });
        }
        Ok(())
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let orders = Orders::from_environment();
    let witness = Witness::begin(&orders.history, &orders.member, &orders.topic);
    let child = Arc::new(Child { orders: orders.clone(), witness });
    let app = Consumer::builder()
        .brokers(orders.brokers.clone())
        .group(orders.group.clone())
        .inbox(orders.inbox_address())
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        .setup_sql([CREATE, Orders::JOURNAL])
        .retry(Backoff::new().attempts(Orders::ATTEMPTS).first(Duration::from_millis(10)))
        // In a blizzard hundreds of flights in a row are cancelled. Each is to be given up after its last attempt, as the history has it;
        // what the breaker makes of such days is seen in `february.rs`.
        .configure(|config| {
            config.defaults.get_or_insert_default().breaker = Some(Breaker { enabled: Some(false), ..Breaker::default() });
        })
        .kafka("session.timeout.ms", "6000")
        .build()
        .unwrap();
    let handler = Arc::clone(&child);
    let app = app.on(orders.topic.clone(), move |event: Event| {
        let child = Arc::clone(&handler);
        async move { child.handle(event).await }
    });
    let shutdown = onceward::shutdown_signal();
    let summary = if orders.until_end { app.run_until_end(shutdown).await } else { app.run(shutdown).await }.unwrap();
    std::fs::write(Path::new(&orders.history).with_extension("summary.json"), serde_json::to_vec(&summary).unwrap()).unwrap();
}
