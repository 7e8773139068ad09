//! The whole loop on Postgres, against a broker in the process: two lives of a service, and copies of everything.

use std::time::Duration;

use onceward::{AutoOffsetReset, Backoff, Consumer, Event, HandlerOptions};

use super::server::shared;
use super::support::{Broker, Sent};

const KEYS: usize = 7;

fn orders(count: usize) -> Vec<Sent<'static>> {
    const NAMES: [&str; KEYS] = ["a", "b", "c", "d", "e", "f", "g"];
    (0..count)
        .map(|number| Sent {
            key: Some(NAMES[number % KEYS]),
            value: number.to_string(),
            headers: vec![("onceward-id", format!("e{number}"))],
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_counts_once_in_order_over_two_lives_and_a_poison_is_a_letter() {
    let broker = Broker::start(&["orders"], "g", 2);
    let database = shared().database();
    let life = || {
        let handler = |event: Event| async move {
            let number: i64 = std::str::from_utf8(event.value().unwrap())?.parse()?;
            let key = String::from_utf8_lossy(event.key().unwrap()).into_owned();
            let before: Vec<(i64, Option<i64>)> = event.query("SELECT count(*), max(n) FROM seen WHERE key = ?", (key.clone(),))?;
            assert!(before[0].1.is_none_or(|last| last < number), "{before:?} before {number}");
            event.effect("INSERT INTO seen VALUES (?, ?, ?)", (key.clone(), number, before[0].0));
            event.effect("INSERT INTO sums VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET n = sums.n + 1", (key,));
            if number == 40 {
                event.effect("INSERT INTO seen VALUES (NULL, ?, 0)", (number,));
            }
            Ok(())
        };
        Consumer::builder()
            .brokers(broker.address())
            .group("g")
            .inbox(database.url())
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .retry(Backoff::new().attempts(2).first(Duration::from_millis(5)))
            .setup_sql([
                "CREATE TABLE IF NOT EXISTS seen(key text NOT NULL, n bigint NOT NULL, before bigint NOT NULL)",
                "CREATE TABLE IF NOT EXISTS sums(key text PRIMARY KEY, n bigint NOT NULL)",
            ])
            .kafka("session.timeout.ms", "4000")
            .kafka("heartbeat.interval.ms", "300")
            // This broker answers an empty fetch only when its time is over.
            .kafka("fetch.wait.max.ms", "100")
            .build()
            .unwrap()
            .on_with("orders", HandlerOptions::new().reads(), handler)
    };
    broker.send("orders", orders(280));
    let first = life().run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((first.handled, first.dead_letters, first.duplicates), (279, 1, 0));
    // Everything again, and a little more; the poisoned one has no mark, so its copy is tried anew and refused anew.
    broker.send("orders", orders(350));
    let second = life().run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((second.handled, second.dead_letters, second.duplicates), (70, 1, 279));
    assert_eq!(database.sql("SELECT count(*), count(DISTINCT n), sum(n) FROM seen"), format!("349|349|{}", 349 * 350 / 2 - 40));
    assert_eq!(database.sql("SELECT sum(n) FROM sums"), "349");
    assert_eq!(broker.read("orders.g.dlt", 2).len(), 2);
}
