//! One of the two services of the chain that `tests/chain` kills: the first passes flights on, the second keeps the table.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test's program; what goes wrong must end it")]

use std::sync::Arc;
use std::time::Duration;

use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Publish};
use onceward_flights::{CREATE, Flight, UPSERT, hash};
use onceward_tests::consumer_child::{Link, Orders};
use onceward_tests::history::{End, Spot, Step, now};
use onceward_tests::witness::Witness;

struct Service {
    link: Link,
    witness: Arc<Witness>,
}

impl Service {
    async fn handle(&self, event: Event) -> Result<(), Failure> {
        let (partition, epoch) = (event.partition(), self.witness.epoch(event.partition()));
        let spot = Spot::new(event.topic(), partition, event.offset());
        let key = event.key().map(|key| String::from_utf8_lossy(key).into_owned());
        let (attempt, correlation) = (event.attempt(), Some(event.correlation_id()));
        self.witness.say(partition, Step::Started { spot: spot.clone(), key: key.clone(), attempt, correlation });
        // A little while, so that there is work left for every kill.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let result = self.work(&event);
        let at = i64::try_from(now()).unwrap_or(i64::MAX);
        event.effect(
            "INSERT INTO journal(at, part, record, lane, id, member, epoch) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (at, partition, event.offset(), key.unwrap_or_default(), event.id(), &self.link.member, epoch),
        );
        let end = if result.is_ok() { End::Done } else { End::Retry };
        self.witness.say(partition, Step::Ended { spot, end });
        result
    }

    /// The first passes flights on, the last keeps the table.
    fn work(&self, event: &Event) -> Result<(), Failure> {
        let flight: Flight = event.json()?;
        if let Some(target) = &self.link.target {
            event.publish(Publish::to(target.clone()).key(event.key().unwrap_or_default()).json(&flight)?);
            return Ok(());
        }
        let chain = i64::try_from(hash(&flight.id))?;
        event.effect(UPSERT, (flight.tailnum.unwrap_or_default(), flight.miles, &flight.dest, chain));
        Ok(())
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let link = Link::from_environment();
    let witness = Witness::begin(&link.history, &link.member, &link.source);
    let service = Arc::new(Service { link: link.clone(), witness });
    let app = Consumer::builder()
        .brokers(link.brokers)
        .group(link.group.clone())
        .inbox(format!("sqlite:{}", link.inbox.display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        .setup_sql([CREATE, Orders::JOURNAL])
        .retry(Backoff::new().attempts(3).first(Duration::from_millis(10)))
        // It comes back as the member that it was: nobody waits for its session to run out.
        .configure(|config| config.instance_id = Some(link.group))
        .kafka("session.timeout.ms", "6000")
        .build()
        .unwrap();
    let app = app.on(link.source, move |event: Event| {
        let service = Arc::clone(&service);
        async move { service.handle(event).await }
    });
    app.run(onceward::shutdown_signal()).await.unwrap();
}
