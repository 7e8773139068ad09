//! What can't start says so at once, says why, names the cure, and has changed nothing.

use std::time::{Duration, Instant};

use onceward::{Backoff, Consumer, Error, ErrorCode, Event, Failure};
use tempfile::tempdir;

use crate::support::Broker;
use crate::world::{World, builder, number};

async fn never(_: Event) -> Result<(), Failure> {
    panic!("a consumer that can't start handles nothing")
}

/// Runs what must be refused.
async fn refused(app: Consumer, code: ErrorCode, words: &[&str]) -> String {
    let started = Instant::now();
    let error = app.run(std::future::pending()).await.unwrap_err();
    let text = error.to_string();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?} until: {text}", started.elapsed());
    assert_eq!(error.code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    text
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once() {
    let build = Consumer::builder()
        .concurrency(0)
        .drain_deadline(Duration::from_secs(3600))
        .retry(Backoff::new().first(Duration::from_secs(10)).max(Duration::from_secs(1)))
        .kafka("enable.auto.commit", "true");
    let Err(Error::Config(error)) = build.build() else { panic!("built") };
    let paths: Vec<&str> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    for path in ["auto_offset_reset", "brokers", "concurrency", "defaults.retry", "drain_deadline", "group", "inbox", "kafka.\"enable.auto"]
    {
        assert!(paths.iter().any(|found| found.starts_with(path)), "{path} is not among {paths:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_are_checked_before_anything_is_opened() {
    let nobody = "127.0.0.1:1";
    refused(builder(nobody, "memory").build().unwrap(), ErrorCode::Config, &["topics: no handler", "call on(topic, handler)"]).await;
    let twice = builder(nobody, "memory").build().unwrap().on("orders", never).on_topics(["invoices", "orders"], never);
    refused(twice, ErrorCode::Config, &["topics.orders: two handlers for one topic", "branch inside it"]).await;
    let pattern = builder(nobody, "memory").build().unwrap().on("^orders[", never);
    refused(pattern, ErrorCode::Config, &["topics.\"^orders[\": is not a regular expression: unclosed character class"]).await;
    let misspelt = builder(nobody, "memory").configure(|config| {
        config.topics.entry("order".to_owned()).or_default();
    });
    refused(misspelt.build().unwrap().on("orders", never), ErrorCode::Config, &["topics.order", "did you mean \"orders\"?"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_that_are_missing_or_do_not_fit_are_all_named() {
    let broker = Broker::start(&["whole"], "g", 2);
    for (name, partitions) in [("bare", 2), ("small", 4), ("small.g.dlt", 2)] {
        broker.cluster.create_topic(name, partitions, 1).unwrap();
    }
    let app = |topics: &[&str]| builder(&broker.address(), "memory").build().unwrap().on_topics(topics.iter().copied(), never);
    let text = refused(app(&["whole", "wohle"]), ErrorCode::Topics, &["topic wohle does not exist", "create it or correct its name"]).await;
    assert!(!text.contains("whole"), "{text}");
    let words = [
        "bare.g.dlt is missing",
        "`onceward topics apply`",
        "create_topics = true",
        "small.g.dlt: it has 2 partitions and needs 4",
        "--alter",
    ];
    let text = refused(app(&["whole", "bare", "small"]), ErrorCode::Topics, &words).await;
    assert!(!text.contains("whole"), "{text}");
    let loop_in_loop = app(&["small", "small.g.dlt"]);
    refused(loop_in_loop, ErrorCode::Topics, &["small.g.dlt: it is also a source topic", "`dead_letter"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_that_can_not_be_used_is_named_and_nothing_is_lost() {
    let world = World::new("refusing", 1);
    world.send(0..10, 3);
    let folder = tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(place("text.db"), "these are my notes, not a database").unwrap();
    rusqlite::Connection::open(place("newer.db"))
        .unwrap()
        .execute_batch("CREATE TABLE onceward_meta(key TEXT PRIMARY KEY, value); INSERT INTO onceward_meta VALUES ('version', 7)")
        .unwrap();
    let locked = rusqlite::Connection::open(place("setup.db")).unwrap();
    for (path, words) in [
        (place("text.db"), &["text.db is not an SQLite database; nothing was changed", "Name another file"][..]),
        (place("newer.db"), &["newer.db was written by a newer Onceward", "version 7", "upgrade this process"]),
        (place("no/where.db"), &["does not exist; create it"]),
        // Nobody may make files here, root neither.
        ("/proc/self/inbox.db".to_owned(), &["this user may write there"]),
    ] {
        let app = world.builder(&format!("sqlite:{path}")).build().unwrap().on("refusing", never);
        refused(app, ErrorCode::Inbox, words).await;
    }
    let wrong = world.builder(&format!("sqlite:{}", place("setup.db"))).setup_sql(["CREATE TABLE a(x)", "CREATE TABEL b(x)"]);
    refused(wrong.build().unwrap().on("refusing", never), ErrorCode::Inbox, &["setup_sql[1] failed", "TABEL"]).await;
    drop(locked);
    assert_eq!(std::fs::read_to_string(place("text.db")).unwrap(), "these are my notes, not a database");
    assert_eq!(world.committed(), [-1], "a refused start commits nothing");
    let handler = |event: Event| async move {
        event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
        Ok(())
    };
    let summary = world.sqlite().build().unwrap().on("refusing", handler).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled, 10);
    assert_eq!(world.done(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_there_is_an_error_that_names_the_setting() {
    let started = Instant::now();
    let app = builder("127.0.0.1:1", "memory").build().unwrap().on("orders", never);
    let error = app.run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Broker);
    assert!(error.to_string().contains("Check that `brokers` is right"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
