//! Topics that are paused by a person, and handlers with a rate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onceward::{Event, Failure, HandlerOptions};
use tokio::sync::oneshot;

use crate::support::{self, Broker};
use crate::{builder, send, until};

/// A handler that counts and succeeds.
fn counting(counter: &Arc<AtomicUsize>) -> impl Fn(Event) -> std::future::Ready<Result<(), Failure>> + Send + Sync + use<> {
    let counter = Arc::clone(counter);
    move |_: Event| {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_topic_waits_while_the_others_go_on_and_then_handles_everything_once() {
    support::logs();
    let broker = Broker::start(&["slow", "other"], "g", 2);
    send(&broker, "slow", 0..50, 5);
    send(&broker, "other", 0..50, 5);
    let (slow, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let app = builder(&broker, "memory").build().unwrap().on("slow", counting(&slow)).on("other", counting(&other));
    let (control, metrics) = (app.control(), app.metrics());
    // Before the start as well as later.
    control.pause("slow").unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async {
        drop(stopped.await);
    }));
    until("the other topic is handled", || other.load(Ordering::Relaxed) == 50).await;
    until("the pause is shown", || metrics.prometheus().contains("onceward_paused{reason=\"request\"} 1")).await;
    send(&broker, "other", 50..100, 5);
    until("the other topic goes on", || other.load(Ordering::Relaxed) == 100).await;
    assert_eq!(slow.load(Ordering::Relaxed), 0, "nothing of a paused topic starts");
    assert_eq!(control.paused(), ["slow"]);
    control.resume("slow").unwrap();
    until("the paused topic goes on", || slow.load(Ordering::Relaxed) == 50).await;
    until("the pause is over", || metrics.prometheus().contains("onceward_paused{reason=\"request\"} 0")).await;
    drop(stop);
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.duplicates), (150, 0));
    control.pause("slow").expect("a consumer that has ended takes no harm");
}

#[tokio::test]
async fn a_topic_that_nobody_handles_can_not_be_paused() {
    let broker = Broker::start(&["slow"], "g", 1);
    let app = builder(&broker, "memory").build().unwrap().on("slow", |_: Event| async { Ok(()) });
    let error = app.control().pause("slwo").unwrap_err().to_string();
    assert!(error.contains("topics.slwo") && error.contains("there are: slow"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_span_of_time_sees_more_starts_than_the_rate_allows() {
    support::logs();
    let broker = Broker::start(&["calls"], "g", 2);
    send(&broker, "calls", 0..100, 10);
    let starts: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let notes = Arc::clone(&starts);
    let handler = move |_: Event| {
        notes.lock().unwrap().push(Instant::now());
        async { Ok(()) }
    };
    let app = builder(&broker, "memory").build().unwrap().on_with("calls", HandlerOptions::new().max_rate(100.0), handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled, 100);
    // 100 per second, ten of them at once at first: the other 90 take 0.9 s at least. Late is allowed, early is not.
    let starts = starts.lock().unwrap();
    let took = starts[99].duration_since(starts[0]);
    assert!(took >= Duration::from_millis(850), "100 starts in {took:?}");
}

#[tokio::test]
async fn a_rate_of_nothing_is_refused() {
    let broker = Broker::start(&["calls"], "g", 1);
    let app =
        builder(&broker, "memory").build().unwrap().on_with("calls", HandlerOptions::new().max_rate(0.0), |_: Event| async { Ok(()) });
    let error = app.run(std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("topics.calls.max_rate") && error.contains("0.001"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_topic_with_more_than_fits_into_memory_leaves_room_for_the_others() {
    support::logs();
    let broker = Broker::start(&["slow", "other"], "g", 4);
    send(&broker, "slow", 0..5_000, 50);
    let (slow, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let app = builder(&broker, "memory").credit(400, 8 << 20).build().unwrap();
    let app = app.on("slow", counting(&slow)).on("other", counting(&other));
    let (control, metrics) = (app.control(), app.metrics());
    control.pause("slow").unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async {
        drop(stopped.await);
    }));
    until("the paused topic's share of memory is full", || metrics.prometheus().contains("onceward_partitions_paused 4")).await;
    for round in 0..5 {
        send(&broker, "other", round * 200..(round + 1) * 200, 20);
        until("the other topic goes on", || other.load(Ordering::Relaxed) == (round + 1) * 200).await;
    }
    assert_eq!(slow.load(Ordering::Relaxed), 0);
    control.resume("slow").unwrap();
    until("the paused topic goes on", || slow.load(Ordering::Relaxed) == 5_000).await;
    drop(stop);
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.duplicates), (6_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_in_the_middle_of_a_run_stops_the_rest_of_it() {
    support::logs();
    let broker = Broker::start(&["slow"], "g", 1);
    send(&broker, "slow", 0..200, 1);
    let app = builder(&broker, "memory").build().unwrap();
    let handled: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (here, there) = oneshot::channel();
    let (go, gone) = oneshot::channel::<()>();
    let (notes, signals) = (Arc::clone(&handled), Arc::new(Mutex::new(Some((here, gone)))));
    let handler = move |event: Event| {
        let (notes, signals) = (Arc::clone(&notes), Arc::clone(&signals));
        async move {
            let number = crate::number(&event);
            if number == 10 {
                let (here, gone) = signals.lock().unwrap().take().unwrap();
                here.send(()).unwrap();
                gone.await?;
            }
            notes.lock().unwrap().push(number);
            Ok(())
        }
    };
    let app = app.on("slow", handler);
    let (control, metrics) = (app.control(), app.metrics());
    let (stop, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async {
        drop(stopped.await);
    }));
    there.await.unwrap();
    control.pause("slow").unwrap();
    until("the pause is carried out", || metrics.prometheus().contains("onceward_paused{reason=\"request\"} 1")).await;
    go.send(()).unwrap();
    until("what ran has ended", || metrics.prometheus().contains("onceward_running_handlers 0")).await;
    assert_eq!(*handled.lock().unwrap(), (0..=10).collect::<Vec<_>>(), "it was all one run, and only what ran when it was paused went on");
    control.resume("slow").unwrap();
    until("the rest follows", || handled.lock().unwrap().len() == 200).await;
    assert_eq!(*handled.lock().unwrap(), (0..200).collect::<Vec<_>>());
    drop(stop);
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.failed_attempts), (200, 0));
}
