//! Brokers that refuse, move, dawdle, go and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onceward::{Event, Failure};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use rdkafka::mocking::MockCoordinator;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use tokio::sync::Notify;

use crate::logs;
use crate::world::{World, number, until};

async fn write(event: Event) -> Result<(), Failure> {
    event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
    Ok(())
}

/// Every tenth event is poisoned.
async fn sometimes(event: Event) -> Result<(), Failure> {
    if number(&event) % 10 == 3 {
        return Err(Failure::reject(format!("number {} is poisoned", number(&event))));
    }
    write(event).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_letters_refused_commits_and_a_wandering_coordinator_lose_nothing() {
    let world = World::on_brokers("refusing-brokers", 2, 3);
    world.broker.cluster.coordinator(MockCoordinator::Group("g".to_owned()), 1).unwrap();
    world.send(0..100, 10);
    let (metrics, stop) = (Arc::new(std::sync::OnceLock::new()), Arc::new(Notify::new()));
    let app = world.sqlite().build().unwrap().on("refusing-brokers", sometimes);
    metrics.set(app.metrics()).unwrap();
    let stopping = Arc::clone(&stop);
    let run = tokio::spawn(app.run(async move { stopping.notified().await }));
    let resolved = || metrics.get().unwrap().summary().handled + metrics.get().unwrap().summary().dead_letters;
    until("the first hundred", || resolved() == 100).await;

    // The next letters: too large, be it together, then not enough replicas, then written.
    let cluster = &world.broker.cluster;
    let passing = [Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION];
    cluster.request_errors(
        Api::OffsetCommit,
        &[
            Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
            Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        ],
    );
    world.send(100..200, 10);
    cluster.request_errors(Api::Produce, &[Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, passing[0], passing[0], passing[1], passing[0]]);
    until("the second hundred", || resolved() == 200).await;

    cluster.coordinator(MockCoordinator::Group("g".to_owned()), 2).unwrap();
    for broker in 1..=3 {
        cluster.broker_round_trip_time(broker, Duration::from_millis(40)).unwrap();
    }
    world.send(200..300, 10);
    until("the third hundred", || resolved() == 300).await;
    cluster.coordinator(MockCoordinator::Group("g".to_owned()), 3).unwrap();
    world.send(300..400, 10);
    until("the fourth hundred", || resolved() == 400).await;
    stop.notify_one();
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.abandoned), (360, 40, 0));
    assert_eq!(world.done(), (0..400).filter(|number| number % 10 != 3).collect::<Vec<_>>());
    assert_eq!(world.committed().iter().sum::<i64>(), 400);
    let mut letters: Vec<i64> = Vec::new();
    let mut trimmed = 0;
    for letter in world.broker.read("refusing-brokers.g.dlt", 40) {
        letters.push(std::str::from_utf8(letter.payload().unwrap()).unwrap().parse().unwrap());
        let headers = letter.headers().unwrap();
        trimmed += u32::from(!headers.iter().any(|header| header.key == "kafka_dlt-exception-message"));
    }
    letters.sort_unstable();
    assert_eq!(letters, (0..400).filter(|number| number % 10 == 3).collect::<Vec<_>>(), "each letter once");
    assert_eq!(trimmed, 0, "one refusal may have been that of a batch: nothing is cut for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_and_comes_back_costs_nothing_but_time() {
    let world = World::new("outage", 2);
    world.send(0..600, 30);
    let (count, half) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let handler = {
        let (count, half) = (Arc::clone(&count), Arc::clone(&half));
        move |event: Event| {
            let (count, half) = (Arc::clone(&count), Arc::clone(&half));
            async move {
                if count.fetch_add(1, Ordering::SeqCst) == 300 {
                    half.notify_one();
                }
                // Work that takes a moment, so that the outage comes in the middle.
                tokio::time::sleep(Duration::from_millis(2)).await;
                sometimes(event).await
            }
        }
    };
    let app = world.sqlite().concurrency(4).build().unwrap().on("outage", handler);
    let metrics = app.metrics();
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let run = tokio::spawn(app.run(async move { stopping.notified().await }));
    half.notified().await;
    world.broker.cluster.broker_down(1).unwrap();
    // Letters can't be written: what is poisoned waits, and the loop says so.
    let paused = || {
        let text = metrics.prometheus();
        text.contains("onceward_paused{reason=\"producer\"} 1")
    };
    until("the pause", paused).await;
    let before = metrics.summary().dead_letters;
    world.broker.cluster.broker_up(1).unwrap();
    until("everything", || metrics.summary().handled + metrics.summary().dead_letters == 600).await;
    assert!(before < 60, "the outage came in the middle");
    assert!(!paused(), "nothing is paused any more");
    world.send(600..620, 10);
    until("what came later", || metrics.summary().handled + metrics.summary().dead_letters == 620).await;
    stop.notify_one();
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (558, 62));
    assert_eq!(world.done(), (0..620).filter(|number| number % 10 != 3).collect::<Vec<_>>());
    assert_eq!(world.length("outage.g.dlt"), 62);
    assert_eq!(world.committed().iter().sum::<i64>(), 620);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_with_the_broker_gone_keeps_its_deadline_and_the_next_start_goes_on() {
    let world = World::new("gone", 1);
    world.send(0..100, 10);
    let app = world.sqlite().drain_deadline(Duration::from_secs(1)).build().unwrap().on("gone", sometimes);
    let metrics = app.metrics();
    let stop = Arc::new(Notify::new());
    let stopping = Arc::clone(&stop);
    let run = tokio::spawn(app.run(async move { stopping.notified().await }));
    until("the start", || metrics.summary().handled > 0).await;
    world.broker.cluster.broker_down(1).unwrap();
    let asked = Instant::now();
    stop.notify_one();
    let summary = run.await.unwrap().unwrap();
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(1 + 2 + 10 + 2), "the stop took {took:?}");
    assert!(!logs::about("gone", "partition released").is_empty() || summary.abandoned > 0 || summary.handled > 0);
    world.broker.cluster.broker_up(1).unwrap();
    let again = world.sqlite().build().unwrap().on("gone", sometimes).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled + again.handled, 90, "{summary:?} {again:?}");
    assert_eq!(world.done(), (0..100).filter(|number| number % 10 != 3).collect::<Vec<_>>());
    assert_eq!(world.committed(), [100]);
    // A letter whose acknowledgement was lost with the broker is written again, under the same letter id: read all there are.
    let written = usize::try_from(world.length("gone.g.dlt")).unwrap();
    let mut letters: Vec<i64> = world
        .broker
        .read("gone.g.dlt", written)
        .iter()
        .map(|letter| std::str::from_utf8(letter.payload().unwrap()).unwrap().parse().unwrap())
        .collect();
    letters.sort_unstable();
    letters.dedup();
    assert_eq!(letters, (0..100).filter(|number| number % 10 == 3).collect::<Vec<_>>());
}
