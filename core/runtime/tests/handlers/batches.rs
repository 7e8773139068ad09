//! Handlers of many events at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{EventBatch, Failure, HandlerOptions};

use crate::support::{self, Broker};
use crate::{builder, number, send};

/// What a batch handler was called with: numbers and attempts, call by call.
type Calls = Arc<Mutex<Vec<Vec<(usize, u32)>>>>;

fn note(calls: &Calls, batch: &EventBatch) -> Vec<usize> {
    let members: Vec<_> = batch.iter().map(|event| (number(event), event.attempt())).collect();
    let numbers = members.iter().map(|member| member.0).collect();
    calls.lock().unwrap().push(members);
    numbers
}

/// Each key's events came in order, as far as calls that succeeded are concerned.
fn in_order(handled: &[usize], keys: usize) {
    let mut last: HashMap<usize, usize> = HashMap::new();
    for number in handled {
        let before = last.insert(number % keys, *number);
        assert!(before.is_none_or(|before| before < *number), "{number} after {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ready_comes_in_one_call_and_commits_with_its_effects() {
    support::logs();
    let broker = Broker::start(&["rows"], "g", 2);
    send(&broker, "rows", 0..2_000, 40);
    send(&broker, "rows", 0..100, 40);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let calls = Calls::default();
    let notes = Arc::clone(&calls);
    let handler = move |batch: EventBatch| {
        note(&notes, &batch);
        async move {
            for event in &batch {
                event.effect("INSERT INTO done VALUES (?)", (i64::try_from(number(event))?,));
            }
            // The next batch gathers meanwhile.
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok(())
        }
    };
    let app = builder(&broker, &format!("sqlite:{}", file.display())).setup_sql(["CREATE TABLE done(n INTEGER NOT NULL)"]).build().unwrap();
    let app = app.on_batch_with("rows", HandlerOptions::new().batch_size(300), handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.duplicates, summary.failed_attempts), (2_000, 100, 0));
    let calls = calls.lock().unwrap();
    assert!(calls.len() < 100, "2,000 events took {} calls", calls.len());
    assert!(calls.iter().all(|call| call.len() <= 300));
    in_order(&calls.iter().flatten().map(|member| member.0).collect::<Vec<_>>(), 40);
    let connection = rusqlite::Connection::open(&file).unwrap();
    let rows: (i64, i64) =
        connection.query_row("SELECT COUNT(*), COUNT(DISTINCT n) FROM done", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(rows, (2_000, 2_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_fails_holds_up_its_own_key_only() {
    support::logs();
    let broker = Broker::start(&["rows"], "g", 1);
    send(&broker, "rows", 0..200, 10);
    let calls = Calls::default();
    let handled: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (notes, done) = (Arc::clone(&calls), Arc::clone(&handled));
    let handler = move |batch: EventBatch| {
        note(&notes, &batch);
        let mut failed: Vec<usize> = Vec::new();
        for (position, event) in batch.iter().enumerate() {
            let (number, key) = (number(event), number(event) % 10);
            if number == 57 || (number == 63 && event.attempt() == 1) {
                batch.fail(position, std::io::Error::other(format!("row {number} is refused")));
                failed.push(key);
            } else if !failed.contains(&key) {
                done.lock().unwrap().push(number);
            }
        }
        async { Ok(()) }
    };
    let app = builder(&broker, "memory").build().unwrap().on_batch("rows", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (199, 1, 3));
    let handled = handled.lock().unwrap();
    in_order(&handled, 10);
    assert_eq!(handled.len(), 199, "those behind a failure were handed over again, and count once: nothing of them was marked before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fails_as_a_whole_is_nobodys_attempt() {
    support::logs();
    let broker = Broker::start(&["rows"], "g", 1);
    send(&broker, "rows", 0..100, 10);
    let calls = Calls::default();
    let notes = Arc::clone(&calls);
    let handler = move |batch: EventBatch| {
        let numbers = note(&notes, &batch);
        async move {
            // One bad row spoils the whole statement: the handler can't tell which.
            if numbers.contains(&44) {
                panic!("constraint failed");
            }
            Ok(())
        }
    };
    let app = builder(&broker, "memory").build().unwrap().on_batch("rows", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (99, 1, 2), "only the bad row has attempts that failed");
    let calls = calls.lock().unwrap();
    let spoiled = calls.iter().find(|call| call.len() > 1 && call.iter().any(|member| member.0 == 44)).unwrap();
    for &(number, attempt) in spoiled {
        assert_eq!(attempt, 1);
        let again: Vec<_> = calls.iter().filter(|call| call.len() == 1 && call[0].0 == number).map(|call| call[0].1).collect();
        let expected: &[u32] = if number == 44 { &[1, 2] } else { &[1] };
        assert_eq!(again, expected, "row {number} is handled again in a call of its own, as its first attempt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_takes_too_long_is_stopped_and_taken_apart() {
    support::logs();
    let broker = Broker::start(&["rows"], "g", 1);
    send(&broker, "rows", 0..20, 20);
    let large = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&large);
    let handler = move |batch: EventBatch| {
        let count = Arc::clone(&count);
        async move {
            if batch.len() > 1 {
                count.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<()>().await;
            }
            Ok::<(), Failure>(())
        }
    };
    let app = builder(&broker, "memory").configure(|config| {
        config.defaults.get_or_insert_default().handler_timeout = Some(Duration::from_millis(100).into());
    });
    let summary = app.build().unwrap().on_batch("rows", handler).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (20, 0, 0));
    assert!(large.load(Ordering::Relaxed) >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_blocks_counts_once_and_its_topic_goes_on() {
    support::logs();
    let broker = Broker::start(&["rows"], "g", 1);
    send(&broker, "rows", 0..100, 100);
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (released, calls) = (Arc::new(Mutex::new(Some(released))), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&calls);
    let handler = move |batch: EventBatch| {
        let blocked = (batch.len() > 1).then(|| released.lock().unwrap().take()).flatten();
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            if let Some(blocked) = blocked {
                blocked.recv()?;
            }
            Ok(())
        }
    };
    let app = builder(&broker, "memory").configure(|config| {
        config.defaults.get_or_insert_default().handler_timeout = Some(Duration::from_millis(100).into());
    });
    let app = app.build().unwrap().on_batch("rows", handler);
    let metrics = app.metrics();
    let run = tokio::spawn(app.run_until_end(std::future::pending()));
    crate::until("the call is stuck", || metrics.prometheus().contains("onceward_stuck_handlers 1\n")).await;
    let before = calls.load(Ordering::Relaxed);
    // Of other keys than those that are stuck.
    send(&broker, "rows", 100..200, 1_000);
    crate::until("new keys are handled", || calls.load(Ordering::Relaxed) > before).await;
    release.send(()).unwrap();
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (200, 0));
}
