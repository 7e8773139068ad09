//! Handlers in another language: runs go out, outcomes come in from threads that know nothing of tokio.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use onceward::foreign::{Run, Runs};
use onceward::{Backoff, Failure, HandlerOptions, Report};

use crate::support::{self, Broker};
use crate::{builder, number, send};

/// A pool of plain threads, as a binding has one.
fn pool(size: usize, work: &Receiver<Runs>, handle: impl Fn(Run) + Send + Clone + 'static) {
    for _ in 0..size {
        let (work, handle) = (work.clone(), handle.clone());
        std::thread::spawn(move || {
            for mut runs in &work {
                while let Some(run) = runs.next_run() {
                    handle(run);
                }
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_of_a_key_keep_their_order_over_failures_and_every_event_is_handled_once() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 2);
    send(&broker, "orders", 0..5_000, 50);
    let folder = tempfile::tempdir().unwrap();
    let (sender, work) = unbounded();
    let handled = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&handled);
    pool(4, &work, move |mut run| {
        while let Some(event) = run.next_event() {
            let number = number(&event);
            if number % 100 == 7 && event.attempt() == 1 {
                let report = Report { kind: "shop.Down".to_owned(), message: "not now".to_owned(), chain: String::new() };
                run.end(Err(Failure::foreign(report, Vec::new())));
                continue;
            }
            seen.lock().unwrap().push(number);
            event.effect("INSERT INTO n(id) VALUES (?)", (i64::try_from(number).unwrap(),));
            run.end(Ok(()));
        }
    });
    let app = builder(&broker, &format!("sqlite:{}", folder.path().join("inbox.db").display()))
        .setup_sql(["CREATE TABLE n(id INTEGER PRIMARY KEY)"])
        .build()
        .unwrap()
        .on_foreign(["orders"], HandlerOptions::new(), move |runs: Runs| sender.send(runs).unwrap());
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.failed_attempts, summary.dead_letters), (5_000, 50, 0));
    let mut last: HashMap<usize, usize> = HashMap::new();
    for number in handled.lock().unwrap().iter() {
        let before = last.insert(number % 50, *number);
        // An event whose transaction was rolled back with its run's may come again, and then everything behind it.
        assert!(before.is_none_or(|before| before < *number), "{number} after {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_above_the_errors_own_can_be_fatal_and_a_run_that_is_dropped_is_handed_out_again() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    send(&broker, "orders", 0..40, 2);
    let (sender, work) = unbounded();
    let dropped = Arc::new(Mutex::new(0));
    let drops = Arc::clone(&dropped);
    pool(2, &work, move |mut run| {
        let mut count = drops.lock().unwrap();
        if *count < 5 {
            // Never begun: nobody's attempt.
            *count += 1;
            return;
        }
        drop(count);
        while let Some(event) = run.next_event() {
            let report = Report { kind: "shop.Sold".to_owned(), message: "out".to_owned(), chain: String::new() };
            let failed = number(&event) == 11;
            run.end(if failed { Err(Failure::foreign(report, vec!["ValueError".to_owned()])) } else { Ok(()) });
        }
    });
    let options = HandlerOptions::new().fatal_name("ValueError").retry(Backoff::new().attempts(3).first(Duration::from_millis(5)));
    let app = builder(&broker, "memory").build().unwrap().on_foreign(["orders"], options, move |runs: Runs| sender.send(runs).unwrap());
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (39, 1));
    assert_eq!(*dropped.lock().unwrap(), 5);
    assert_eq!(broker.read("orders.g.dlt", 1).len(), 1);
}
