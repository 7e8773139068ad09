//! One of the two services of the chain that `tests/chain` kills: the first passes flights on, the second keeps the table.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test's program; what goes wrong must end it")]

use std::time::Duration;

use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Publish};
use onceward_flights::{CREATE, Flight, UPSERT, hash};
use onceward_tests::consumer_child::Link;

/// Takes a little while, so that there is work left for every kill.
async fn pace() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

async fn pass_on(event: Event, target: String) -> Result<(), Failure> {
    pace().await;
    let flight: Flight = event.json()?;
    event.effect("INSERT INTO passed(id) VALUES (?)", (&flight.id,));
    event.publish(Publish::to(target).key(event.key().unwrap_or_default()).json(&flight)?);
    Ok(())
}

async fn keep(event: Event) -> Result<(), Failure> {
    pace().await;
    let flight: Flight = event.json()?;
    let chain = i64::try_from(hash(&flight.id))?;
    event.effect(UPSERT, (flight.tailnum.unwrap_or_default(), flight.miles, &flight.dest, chain));
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let link = Link::from_environment();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let app = Consumer::builder()
        .brokers(link.brokers)
        .group(link.group.clone())
        .inbox(format!("sqlite:{}", link.inbox.display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        .setup_sql([CREATE, "CREATE TABLE IF NOT EXISTS passed(id TEXT NOT NULL)"])
        .retry(Backoff::new().attempts(3).first(Duration::from_millis(10)))
        // It comes back as the member that it was: nobody waits for its session to run out.
        .configure(|config| config.instance_id = Some(link.group))
        .kafka("session.timeout.ms", "6000")
        .build()
        .unwrap();
    let app = match link.target {
        Some(target) => app.on(link.source, move |event: Event| pass_on(event, target.clone())),
        None => app.on(link.source, keep),
    };
    app.run(onceward::shutdown_signal()).await.unwrap();
}
