//! A service that copies orders to a second topic through its outbox.

use std::path::Path;
use std::time::{Duration, Instant};

use onceward::inbox::{InboxReport, inspect};
use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event, Failure, Publish};
use rdkafka::message::{Headers as _, Message as _, OwnedMessage};

use crate::support::{Broker, Sent};

pub const LONG: Duration = Duration::from_secs(60);
pub const KEYS: usize = 7;

pub fn builder(brokers: &str, inbox: &Path) -> Builder {
    Consumer::builder()
        .brokers(brokers)
        .group("g")
        .inbox(format!("sqlite:{}", inbox.display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(2).first(Duration::from_millis(5)))
        .setup_sql(["CREATE TABLE IF NOT EXISTS done(n INTEGER NOT NULL)"])
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "100")
}

/// One effect and two publishes for each order.
pub async fn copy(event: Event) -> Result<(), Failure> {
    let number = number(&event);
    event.effect("INSERT INTO done VALUES (?)", (number,));
    for part in ["a", "b"] {
        event.publish(Publish::to("copies").key(event.key().unwrap()).value(format!("{number}{part}")));
    }
    Ok(())
}

pub fn number(event: &Event) -> i64 {
    std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap()
}

pub fn send(broker: &Broker, numbers: std::ops::Range<usize>) {
    let names: Vec<String> = (0..KEYS).map(|key| format!("k{key}")).collect();
    broker.send(
        "orders",
        numbers.map(|number| Sent {
            key: Some(&names[number % KEYS]),
            value: number.to_string(),
            headers: vec![("onceward-id", format!("e{number}"))],
        }),
    );
}

pub fn id(record: &OwnedMessage) -> String {
    let headers = record.headers().unwrap();
    let found: Vec<_> = headers.iter().filter(|header| header.key == "onceward-id").collect();
    assert_eq!(found.len(), 1, "one id");
    String::from_utf8(found[0].value.unwrap().to_vec()).unwrap()
}

pub fn text(record: &OwnedMessage) -> String {
    String::from_utf8(record.payload().unwrap().to_vec()).unwrap()
}

/// What a consumer that drops copies by id sees, by key; and how many copies there were.
pub fn once(records: &[OwnedMessage]) -> (std::collections::BTreeMap<String, Vec<String>>, usize) {
    let mut ids = std::collections::HashMap::new();
    let mut seen = std::collections::BTreeMap::<String, Vec<String>>::new();
    let mut copies = 0;
    for record in records {
        if let Some(before) = ids.insert(id(record), text(record)) {
            assert_eq!(before, text(record), "one id, one event");
            copies += 1;
            continue;
        }
        let key = String::from_utf8(record.key().unwrap_or_default().to_vec()).unwrap();
        seen.entry(key).or_default().push(text(record));
    }
    (seen, copies)
}

/// What that should be.
pub fn expected(count: usize) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut all = std::collections::BTreeMap::<String, Vec<String>>::new();
    for number in 0..count {
        let of_key = all.entry(format!("k{}", number % KEYS)).or_default();
        of_key.extend([format!("{number}a"), format!("{number}b")]);
    }
    all
}

pub fn pending(inbox: &Path) -> u64 {
    report(inbox).outbox.iter().map(|waits| waits.pending).sum()
}

pub fn report(inbox: &Path) -> InboxReport {
    inspect(inbox).unwrap()
}

pub fn done(inbox: &Path) -> Vec<i64> {
    let connection = rusqlite::Connection::open(inbox).unwrap();
    let mut statement = connection.prepare("SELECT n FROM done ORDER BY n").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Waits for what another thread or process will bring about.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
