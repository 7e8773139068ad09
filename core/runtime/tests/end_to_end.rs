//! The whole loop against a broker in the process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event, Failure, Publish};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use support::{Broker, Sent};

fn builder(broker: &Broker, inbox: &str) -> Builder {
    Consumer::builder()
        .brokers(broker.address())
        .group("g")
        .inbox(inbox)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(3).first(Duration::from_millis(5)))
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "100")
}

fn orders(count: usize) -> Vec<Sent<'static>> {
    const KEYS: [&str; 3] = ["a", "b", "c"];
    (0..count)
        .map(|ordinal| Sent {
            key: Some(KEYS[ordinal % 3]),
            value: format!("{{\"ordinal\":{ordinal}}}"),
            headers: vec![("onceward-id", format!("order-{ordinal}")), ("correlation-id", format!("flow-{ordinal}"))],
        })
        .collect()
}

fn ordinal(event: &Event) -> Result<usize, Failure> {
    let value: serde_json::Value = event.json()?;
    usize::try_from(value["ordinal"].as_u64().ok_or_else(|| Failure::reject("no ordinal"))?).map_err(Into::into)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_handled_once_in_order_per_key_and_poison_becomes_letters() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 2);
    broker.send("orders", orders(300));
    broker.send("orders", orders(30));
    let seen: Arc<Mutex<HashMap<String, Vec<usize>>>> = Arc::default();
    let notes = Arc::clone(&seen);
    let handler = move |event: Event| {
        let notes = Arc::clone(&notes);
        async move {
            let ordinal = ordinal(&event)?;
            if ordinal % 50 == 7 {
                return Err(std::io::Error::other(format!("order {ordinal} is poisoned")).into());
            }
            if ordinal % 10 == 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let key = String::from_utf8_lossy(event.key().unwrap()).into_owned();
            notes.lock().unwrap().entry(key).or_default().push(ordinal);
            Ok(())
        }
    };
    let app = builder(&broker, "memory").build().unwrap().on("orders", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(
        (summary.handled, summary.dead_letters, summary.duplicates),
        (294, 7, 29),
        "the copy of the poisoned event has attempts and a letter of its own"
    );
    assert_eq!(summary.failed_attempts, 21);
    for (key, ordinals) in seen.lock().unwrap().iter() {
        assert!(ordinals.is_sorted(), "{key} is out of order: {ordinals:?}");
    }
    let letters = broker.read("orders.g.dlt", 7);
    for letter in &letters {
        let ordinal = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap()["ordinal"].as_u64().unwrap();
        let number = ordinal(letter.payload().unwrap());
        assert_eq!(number % 50, 7);
        assert_eq!(letter.payload().unwrap(), format!("{{\"ordinal\":{number}}}").as_bytes(), "byte for byte");
        let header = |name: &str| {
            let headers = letter.headers().unwrap();
            headers.iter().find(|header| header.key == name).and_then(|header| header.value).map(<[u8]>::to_vec).unwrap()
        };
        assert_eq!(header("onceward-reason"), b"exhausted");
        assert_eq!(header("onceward-attempts"), b"3");
        assert_eq!(header("onceward-event-id"), format!("order-{number}").as_bytes());
        assert_eq!(header("onceward-correlation-id"), format!("flow-{number}").as_bytes());
        assert_eq!(header("kafka_dlt-original-topic"), b"orders");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fatal_for_one_topic_is_not_for_another_of_the_same_handler() {
    support::logs();
    let broker = Broker::start(&["orders", "payments"], "g", 1);
    broker.send("orders", orders(1));
    broker.send("payments", orders(1));
    let app = builder(&broker, "memory")
        .configure(|config| config.topics.entry("payments".to_owned()).or_default().fatal = Some(vec!["ParseIntError".to_owned()]))
        .build()
        .unwrap()
        .on_topics(["orders", "payments"], |_event: Event| async { "none".parse::<u8>().map(drop).map_err(Failure::from) });
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.dead_letters, summary.failed_attempts), (2, 3), "three attempts in orders, and payments is given up at once");
    for (topic, reason, attempts) in [("orders", "exhausted", "3"), ("payments", "rejected", "1")] {
        let letter = &broker.read(&format!("{topic}.g.dlt"), 1)[0];
        let header = |name: &str| letter.headers().unwrap().iter().find(|header| header.key == name).and_then(|header| header.value);
        assert_eq!(
            (header("onceward-reason"), header("onceward-attempts")),
            (Some(reason.as_bytes()), Some(attempts.as_bytes())),
            "{topic}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lag_is_what_is_not_resolved_of_what_is_there_by_now() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    broker.send("orders", orders(10));
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let handler = {
        let gate = Arc::clone(&gate);
        move |_event: Event| {
            let gate = Arc::clone(&gate);
            async move { gate.acquire().await.map(tokio::sync::SemaphorePermit::forget).map_err(Failure::from) }
        }
    };
    let app = builder(&broker, "memory").build().unwrap().on("orders", handler);
    let metrics = app.metrics();
    let lag = move |records: u64| {
        let (metrics, line) = (Arc::clone(&metrics), format!("onceward_lag_records{{topic=\"orders\"}} {records}\n"));
        async move {
            let end = std::time::Instant::now() + Duration::from_secs(20);
            while !metrics.prometheus().contains(&line) {
                assert!(std::time::Instant::now() < end, "never {line} in\n{}", metrics.prometheus());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async { drop(stopped.await) }));
    lag(10).await;
    gate.add_permits(4);
    lag(6).await;
    // Nothing is assigned anew: the log's end comes with what is fetched.
    broker.send("orders", orders(15).split_off(10));
    lag(11).await;
    gate.add_permits(11);
    lag(0).await;
    stop.send(()).unwrap();
    assert_eq!(run.await.unwrap().unwrap().handled, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_commit_with_the_mark_and_a_second_run_handles_nothing_again() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 2);
    broker.send("orders", orders(200));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    for run in 0..2 {
        let handler = |event: Event| async move {
            let key = String::from_utf8_lossy(event.key().unwrap()).into_owned();
            event.effect("INSERT INTO balance(key, n) VALUES (?, 1) ON CONFLICT(key) DO UPDATE SET n = n + 1", (key,));
            Ok(())
        };
        let app = builder(&broker, &format!("sqlite:{}", file.display()))
            .setup_sql(["CREATE TABLE IF NOT EXISTS balance(key TEXT PRIMARY KEY, n INTEGER)"])
            .build()
            .unwrap()
            .on("orders", handler);
        if run == 1 {
            // The producer repeats itself; the offsets are new, the ids are not.
            broker.send("orders", orders(50));
        }
        let summary = app.run_until_end(std::future::pending()).await.unwrap();
        assert_eq!((summary.handled, summary.duplicates), if run == 0 { (200, 0) } else { (0, 50) });
        let connection = rusqlite::Connection::open(&file).unwrap();
        let total: i64 = connection.query_row("SELECT SUM(n) FROM balance", [], |row| row.get(0)).unwrap();
        assert_eq!(total, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_statement_is_an_attempt_of_its_event_alone() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    broker.send("orders", orders(60));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let handler = |event: Event| async move {
        let ordinal = i64::try_from(ordinal(&event)?)?;
        event.effect("INSERT INTO ordinals(n) VALUES (?)", (if ordinal == 20 { None } else { Some(ordinal) },));
        Ok(())
    };
    let app = builder(&broker, &format!("sqlite:{}", file.display()))
        .setup_sql(["CREATE TABLE ordinals(n INTEGER NOT NULL, at INTEGER PRIMARY KEY)"])
        .build()
        .unwrap()
        .on("orders", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (59, 1, 3));
    let connection = rusqlite::Connection::open(&file).unwrap();
    let mut statement = connection.prepare("SELECT n FROM ordinals WHERE n % 3 = 2 ORDER BY at").unwrap();
    let ordinals: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let expected: Vec<i64> = (0..60).filter(|ordinal| ordinal % 3 == 2 && *ordinal != 20).collect();
    assert_eq!(ordinals, expected, "the key of the failing event keeps its order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishes_carry_the_flow_and_ids_that_a_repeated_handling_repeats() {
    support::logs();
    let broker = Broker::start(&["orders", "invoices"], "g", 1);
    broker.send("orders", orders(1));
    let handler = |event: Event| async move {
        if event.attempt() == 1 {
            event.publish(Publish::to("invoices").value("discarded"));
            return Err(std::io::Error::other("first attempt fails").into());
        }
        event.publish(Publish::to("invoices").key("k").json(&serde_json::json!({"total": 1}))?);
        event.publish(Publish::to("invoices").key("k").json(&serde_json::json!({"total": 2}))?);
        Ok(())
    };
    let app = builder(&broker, "memory").build().unwrap().on("orders", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled, 1);
    let published = broker.read("invoices", 2);
    let header = |index: usize, name: &str| {
        let headers = published[index].headers().unwrap();
        let found: Vec<_> = headers.iter().filter(|header| header.key == name).collect();
        assert_eq!(found.len(), 1, "{name} stands there once");
        String::from_utf8(found[0].value.unwrap().to_vec()).unwrap()
    };
    assert_eq!(published[0].payload().unwrap(), b"{\"total\":1}");
    assert_eq!(header(0, "correlation-id"), "flow-0");
    assert_eq!(header(0, "causation-id"), "order-0");
    assert_ne!(header(0, "onceward-id"), header(1, "onceward-id"));
    assert_eq!(header(0, "traceparent").len(), 55);
}
