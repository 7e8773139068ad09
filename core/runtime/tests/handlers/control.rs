//! Topics that are paused by a person, and handlers with a rate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onceward::{Event, HandlerOptions};
use tokio::sync::oneshot;

use crate::support::{self, Broker};
use crate::{builder, send, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_topic_waits_while_the_others_go_on_and_then_handles_everything_once() {
    support::logs();
    let broker = Broker::start(&["slow", "other"], "g", 2);
    send(&broker, "slow", 0..50, 5);
    send(&broker, "other", 0..50, 5);
    let (slow, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counting = |counter: &Arc<AtomicUsize>| {
        let counter = Arc::clone(counter);
        move |_: Event| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        }
    };
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
