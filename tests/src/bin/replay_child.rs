//! An ordinary service over the flights that holds keys behind their dead letters, and whose handler can be mended. `tests/replays` starts,
//! stops and kills it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a test's program; what goes wrong must end it")]

use std::fmt;
use std::path::Path;
use std::time::Duration;

use onceward::config::raw::AfterDeadLetter;
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure};
use onceward_flights::{CREATE, Flight, UPSERT, UPSERT_UNKNOWN, hash};
use onceward_tests::consumer_child::Shift;

/// A flight that the handler does not know what to do with yet: a cancelled one, and one in forty of the others, so that many keys are held.
#[derive(Debug)]
struct Odd;

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a flight as others are")
    }
}

impl std::error::Error for Odd {}

fn is_odd(flight: &Flight) -> bool {
    flight.is_cancelled() || hash(&flight.id).is_multiple_of(40)
}

async fn handle(event: &Event, member: &str, mended: &Path, pace: &Path) -> Result<(), Failure> {
    if pace.exists() {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let flight: Flight = event.json()?;
    if is_odd(&flight) && !mended.exists() {
        return Err(Odd.into());
    }
    let lane = flight.tailnum.clone().unwrap_or_default();
    event.effect(
        "INSERT INTO journal(part, record, lane, member, replayed) VALUES (?, ?, ?, ?, ?)",
        (event.partition(), event.offset(), lane, member, i64::from(event.replayed())),
    );
    match &flight.tailnum {
        Some(tailnum) => event.effect(UPSERT, (tailnum, flight.miles, &flight.dest, i64::try_from(hash(&flight.id)).unwrap())),
        None => event.effect(UPSERT_UNKNOWN, (flight.miles,)),
    }
    Ok(())
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let shift = Shift::from_environment();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter("onceward=info").init();
    let topic = shift.topic.clone();
    let app = Consumer::builder()
        .brokers(shift.brokers.clone())
        .group(shift.group.clone())
        .inbox(format!("sqlite:{}", shift.inbox.display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        // So that a replay lasts long enough for everything that is done to its owner.
        .concurrency(8)
        .setup_sql([CREATE, Shift::JOURNAL])
        .retry(Backoff::new().attempts(1))
        .configure(move |config| config.topics.entry(topic).or_default().after_dead_letter = Some(AfterDeadLetter::Hold))
        .kafka("session.timeout.ms", "6000")
        .build()
        .unwrap();
    let (member, mended, pace) = (shift.member.clone(), shift.mended.clone(), shift.pace.clone());
    let app = app.on(shift.topic.clone(), move |event: Event| {
        let (member, mended, pace) = (member.clone(), mended.clone(), pace.clone());
        async move { handle(&event, &member, &mended, &pace).await }
    });
    app.run(onceward::shutdown_signal()).await.unwrap();
}
