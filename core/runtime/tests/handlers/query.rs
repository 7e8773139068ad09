//! Handlers that read their own tables.

use onceward::{AutoOffsetReset, Builder, Consumer, Event, HandlerOptions};

use crate::support::{self, Broker, Sent};

fn builder(broker: &Broker, file: &std::path::Path) -> Builder {
    crate::builder(broker, &format!("sqlite:{}", file.display()))
        .setup_sql(["CREATE TABLE IF NOT EXISTS seen(key TEXT NOT NULL, n INTEGER NOT NULL, before INTEGER NOT NULL)"])
}

fn send(broker: &Broker, count: usize) {
    let keys = ["a", "b", "c"];
    broker.send(
        "orders",
        (0..count).map(|number| Sent {
            key: Some(keys[number % 3]),
            value: number.to_string(),
            headers: vec![("onceward-id", format!("e{number}"))],
        }),
    );
}

fn key(event: &Event) -> String {
    String::from_utf8_lossy(event.key().unwrap()).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_sees_the_effects_of_every_event_before_it_in_its_lane() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    send(&broker, 300);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let handler = |event: Event| async move {
        let rows: Vec<(i64, Option<i64>)> = event.query("SELECT COUNT(*), MAX(n) FROM seen WHERE key = ?", (key(&event),))?;
        let number: i64 = std::str::from_utf8(event.value().unwrap())?.parse()?;
        assert!(rows[0].1.is_none_or(|last| last == number - 3), "{rows:?} before {number}");
        event.effect("INSERT INTO seen VALUES (?, ?, ?)", (key(&event), number, rows[0].0));
        Ok(())
    };
    let app = builder(&broker, &file).build().unwrap().on_with("orders", HandlerOptions::new().reads(), handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.failed_attempts), (300, 0));
    let wrong: i64 = rusqlite::Connection::open(&file)
        .unwrap()
        .query_row("SELECT COUNT(*) FROM seen WHERE before <> n / 3", [], |row| row.get(0))
        .unwrap();
    assert_eq!(wrong, 0, "each event has seen all before it in its lane");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_neither_writes_nor_touches_what_is_ours() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    send(&broker, 3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let handler = |event: Event| async move {
        for sql in ["DELETE FROM seen", "SELECT records FROM onceward_outbox", "PRAGMA query_only = OFF", "BEGIN", "not sql"] {
            let error = event.query::<(i64,)>(sql, ()).unwrap_err().to_string();
            assert!(error.contains(sql), "{error}");
        }
        assert_eq!(event.query::<(String,)>("SELECT ? || 'x'", ("a",))?, [("ax".to_owned(),)]);
        Ok(())
    };
    let app = builder(&broker, &file).build().unwrap().on_with("orders", HandlerOptions::new().reads(), handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.failed_attempts), (3, 0));
}

#[tokio::test]
async fn reading_is_declared_and_needs_a_file() {
    let app = Consumer::builder().brokers("localhost:9").group("g").inbox("memory").auto_offset_reset(AutoOffsetReset::Earliest);
    let app = app.build().unwrap().on_with("orders", HandlerOptions::new().reads(), |_event: Event| async { Ok(()) });
    let error = app.run(std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("memory inbox has no tables"), "{error}");
}
