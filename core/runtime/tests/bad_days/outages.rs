//! What handlers call is away, or never answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use onceward::config::raw::{Breaker, Topic};
use onceward::{Backoff, Builder, ErrorCode, Event, Failure};

use crate::logs;
use crate::world::{World, number, until};

/// Opens after 20 events of 10 keys in a fifth of a second.
fn with_a_breaker(builder: Builder) -> Builder {
    builder.retry(Backoff::new().attempts(2).first(Duration::from_millis(300))).configure(|config| {
        config.defaults.get_or_insert_with(Topic::default).breaker = Some(Breaker {
            events: Some(20),
            keys: Some(10),
            time: Some(Duration::from_millis(200).into()),
            probe: Some(Duration::from_millis(20).into()),
            limit: Some(Duration::from_secs(1).into()),
            ..Breaker::default()
        });
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_gives_no_event_up_and_ends_by_itself() {
    let world = World::new("outage", 2);
    // More keys than can be at work when the outage begins: answers from before it make the breaker forget failures that were heard of earlier,
    // and an event counts once, so with few keys nothing would be left to count.
    world.send(0..3_000, 1_500);
    let (down, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let handler = {
        let (down, tried) = (Arc::clone(&down), Arc::clone(&tried));
        move |_: Event| {
            if tried.fetch_add(1, Ordering::SeqCst) == 500 {
                down.store(true, Ordering::SeqCst);
            }
            let down = down.load(Ordering::SeqCst);
            async move { if down { Err(std::io::Error::other("nobody at home").into()) } else { Ok::<(), Failure>(()) } }
        }
    };
    // Enough time for twenty events to fail before the first of them runs out of attempts, however slow the machine is.
    let patient = Backoff::new().attempts(5).first(Duration::from_millis(500));
    let app = with_a_breaker(world.builder("memory")).retry(patient).configure(|config| {
        let breaker = config.defaults.as_mut().unwrap().breaker.as_mut().unwrap();
        breaker.limit = Some(Duration::from_secs(60).into());
    });
    let app = app.build().unwrap().on("outage", handler);
    let metrics = app.metrics();
    let run = tokio::spawn(app.run_until_end(std::future::pending()));
    until("the pause", || metrics.prometheus().contains("onceward_paused{reason=\"breaker\"} 1")).await;
    let before = tried.load(Ordering::SeqCst);
    until("ten probes", || tried.load(Ordering::SeqCst) >= before + 10).await;
    assert_eq!(metrics.summary().dead_letters, 0);
    let said = logs::about("outage", "nearly every event has failed").pop().unwrap();
    assert_eq!(said["fields"]["error"].as_str(), Some("nobody at home"), "{said}");
    down.store(false, Ordering::SeqCst);
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (3_000, 0));
    assert!(metrics.prometheus().contains("onceward_paused{reason=\"breaker\"} 0"));
    assert_eq!(logs::about("outage", "the outage is over").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_until_the_end_does_not_wait_for_ever_for_the_end_of_an_outage() {
    let world = World::new("forever", 2);
    world.send(0..500, 100);
    let handler = |_: Event| async { Err::<(), Failure>(std::io::Error::other("nobody at home").into()) };
    let app = with_a_breaker(world.builder("memory")).build().unwrap().on("forever", handler);
    let error = app.run_until_end(std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Halted);
    assert!(error.to_string().contains("Nothing was given up because of it"), "{error}");
    assert_eq!(world.length("forever.g.dlt"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_events_failing_is_no_outage() {
    let world = World::new("stormy", 2);
    world.send(0..1_000, 100);
    let handler = |event: Event| async move {
        if number(&event).wrapping_mul(0x9E37_79B9) >> 16 & 1 == 0 {
            Err::<(), Failure>(std::io::Error::other("cancelled").into())
        } else {
            Ok(())
        }
    };
    let app = with_a_breaker(world.builder("memory")).retry(Backoff::new().attempts(3).first(Duration::from_millis(20)));
    let summary = app.build().unwrap().on("stormy", handler).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled + summary.dead_letters, 1_000);
    assert!((400..600).contains(&summary.dead_letters), "{}", summary.dead_letters);
    assert!(logs::about("stormy", "nearly every event has failed").is_empty());
}

fn quick_to_stop(builder: Builder) -> Builder {
    builder.configure(|config| {
        config.defaults.get_or_insert_with(Topic::default).handler_timeout = Some(Duration::from_millis(200).into());
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_waits_for_too_long_is_stopped_and_its_effects_with_it() {
    let world = World::new("waiting", 1);
    world.send(0..10, 10);
    let handler = |event: Event| async move {
        let number = number(&event);
        // What the first attempt records must not be written.
        event.effect("INSERT INTO done(n) VALUES (?)", (if event.attempt() == 1 && number == 3 { 300 } else { number },));
        if number == 3 && event.attempt() == 1 {
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let app = quick_to_stop(world.sqlite()).build().unwrap().on("waiting", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.failed_attempts, summary.dead_letters), (10, 1, 0));
    assert_eq!(world.done(), (0..10).collect::<Vec<_>>());
    assert!(logs::about("waiting", "stuck").is_empty(), "it could be stopped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_is_reported_as_stuck_and_everything_else_goes_on() {
    let world = World::new("blocking", 1);
    world.send(0..50, 10);
    let (release, released) = mpsc::channel::<()>();
    let (released, handled) = (Arc::new(Mutex::new(released)), Arc::new(AtomicU64::new(0)));
    let handler = {
        let handled = Arc::clone(&handled);
        move |event: Event| {
            let (released, handled) = (Arc::clone(&released), Arc::clone(&handled));
            async move {
                if number(&event) == 3 {
                    // Holds its worker thread, and cannot be stopped.
                    released.lock().unwrap().recv().unwrap();
                }
                handled.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }
    };
    let app = quick_to_stop(world.builder("memory")).build().unwrap().on("blocking", handler);
    let metrics = app.metrics();
    let run = tokio::spawn(app.run_until_end(std::future::pending()));
    // Those behind it in its chunk were taken back and started elsewhere; the four others of its key wait.
    until("the others", || handled.load(Ordering::SeqCst) == 45).await;
    until("the report", || metrics.prometheus().contains("onceward_stuck_handlers 1")).await;
    let said = logs::about("blocking", "stuck").pop().unwrap();
    assert_eq!((said["fields"]["offset"].as_u64(), said["fields"]["correlation_id"].as_str()), (Some(3), Some("flow-3")), "{said}");
    release.send(()).unwrap();
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, handled.load(Ordering::SeqCst)), (50, 50), "each once");
    assert!(metrics.prometheus().contains("onceward_stuck_handlers 0"));
}
