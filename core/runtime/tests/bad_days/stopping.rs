//! Stopping in the middle: what runs is finished, the rest is handled by the next start, nothing twice.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{Event, Failure};
use tokio::sync::{Notify, Semaphore};

use crate::logs;
use crate::world::{LONG, World, number, until};

async fn write(event: Event) -> Result<(), Failure> {
    event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_events_in_flight_survive_a_stop_each_once() {
    const EVENTS: i64 = 1_000;
    let world = World::new("stopping", 4);
    // As many keys as events: consecutive events of one key would run as one.
    world.send(0..EVENTS, EVENTS);
    let (running, calls) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU64::new(0)));
    let (full, gate) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let handler = {
        let (running, calls, full, gate) = (Arc::clone(&running), Arc::clone(&calls), Arc::clone(&full), Arc::clone(&gate));
        move |event: Event| {
            let (running, calls, full, gate) = (Arc::clone(&running), Arc::clone(&calls), Arc::clone(&full), Arc::clone(&gate));
            async move {
                calls.fetch_add(1, Ordering::SeqCst);
                if running.fetch_add(1, Ordering::SeqCst) + 1 == 200 {
                    full.notify_one();
                }
                drop(gate.acquire().await?);
                running.fetch_sub(1, Ordering::SeqCst);
                write(event).await
            }
        }
    };
    let app = world.sqlite().concurrency(256).build().unwrap().on("stopping", handler);
    let first = app
        .run(async {
            full.notified().await;
            assert!(running.load(Ordering::SeqCst) >= 200);
            // The stop is ordered when this future ends; only then may they go on.
            tokio::spawn(async move {
                until("the stop", || !logs::about("onceward", "stopping: no new events").is_empty()).await;
                gate.add_permits(Semaphore::MAX_PERMITS);
            });
        })
        .await
        .unwrap();
    assert!(first.handled >= 200, "what ran was finished: {first:?}");
    assert!(first.handled < EVENTS as u64, "the stop came in the middle: {first:?}");
    let second = world.sqlite().build().unwrap().on("stopping", write).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), first.handled, "a graceful stop forgets no result");
    assert_eq!((first.handled + second.handled, second.dead_letters), (EVENTS as u64, 0));
    assert_eq!(world.done(), (0..EVENTS).collect::<Vec<_>>());
    assert_eq!(world.committed().iter().sum::<i64>(), EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_run_drains_in_the_background() {
    let world = World::new("dropping", 2);
    world.send(0..100, 100);
    let (full, gate) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let started = Arc::new(AtomicU64::new(0));
    let handler = {
        let (full, gate, started) = (Arc::clone(&full), Arc::clone(&gate), Arc::clone(&started));
        move |event: Event| {
            let (full, gate, started) = (Arc::clone(&full), Arc::clone(&gate), Arc::clone(&started));
            async move {
                if started.fetch_add(1, Ordering::SeqCst) + 1 == 20 {
                    full.notify_one();
                }
                drop(gate.acquire().await?);
                write(event).await
            }
        }
    };
    let app = world.sqlite().concurrency(20).build().unwrap().on("dropping", handler);
    let metrics = app.metrics();
    tokio::select! {
        _ = app.run(std::future::pending()) => panic!("nobody stopped it"),
        () = full.notified() => {}
    }
    gate.add_permits(Semaphore::MAX_PERMITS);
    until("two releases", || logs::about("dropping/", "partition released").len() == 2).await;
    assert_eq!(metrics.summary().handled, started.load(Ordering::SeqCst), "what ran was finished and marked");
    let handled = metrics.summary().handled;
    let rest = world.sqlite().build().unwrap().on("dropping", write).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(rest.handled, 100 - handled);
    assert_eq!(world.done(), (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_that_somebody_locks_for_a_second_costs_time_and_no_attempt() {
    let world = World::new("locking", 1);
    world.send(0..500, 20);
    let (handled, order) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
    let file = world.file();
    let handler = {
        let (handled, order) = (Arc::clone(&handled), Arc::clone(&order));
        move |event: Event| {
            let (handled, order, file) = (Arc::clone(&handled), Arc::clone(&order), file.clone());
            async move {
                if handled.fetch_add(1, Ordering::SeqCst) == 5 {
                    let (locked, wait) = tokio::sync::oneshot::channel();
                    let holder = std::thread::spawn(move || {
                        let other = rusqlite::Connection::open(file).unwrap();
                        other.busy_timeout(LONG).unwrap();
                        other.execute_batch("BEGIN IMMEDIATE").unwrap();
                        locked.send(()).unwrap();
                        // The lock's length is the scenario.
                        std::thread::sleep(Duration::from_secs(1));
                        other.execute_batch("COMMIT").unwrap();
                    });
                    *order.lock().unwrap() = Some(holder);
                    wait.await?;
                }
                write(event).await
            }
        }
    };
    let summary = world.sqlite().build().unwrap().on("locking", handler).run_until_end(std::future::pending()).await.unwrap();
    let holder = order.lock().unwrap().take().unwrap();
    holder.join().unwrap();
    assert_eq!((summary.handled, summary.failed_attempts, summary.dead_letters), (500, 0, 0));
    assert_eq!(world.done(), (0..500).collect::<Vec<_>>());
}
