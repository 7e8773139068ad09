//! An event that kills the process, while 256 others are being handled: a real process dies of it, again and again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use onceward::{AutoOffsetReset, Consumer, Event, Failure};
use rdkafka::Message as _;
use rdkafka::message::{Headers as _, OwnedMessage};
use support::{Broker, Sent, logs};

const ADDRESS: &str = "ONCEWARD_TEST_CRASH_BROKERS";
const FILE: &str = "ONCEWARD_TEST_CRASH_FILE";
/// How often the process died before.
const DEATHS: &str = "ONCEWARD_TEST_CRASH_DEATHS";

const EVENTS: i64 = 400;
const POISON: i64 = 200;
const COMPANY: usize = 256;
const LIMIT: u32 = 2;

static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

async fn handler(event: Event) -> Result<(), Failure> {
    let number: i64 = std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap();
    let first_life = std::env::var(DEATHS).unwrap() == "0";
    if number == POISON {
        while first_life && IN_FLIGHT.load(Ordering::SeqCst) < COMPANY {
            tokio::task::yield_now().await;
        }
        std::process::abort();
    }
    if first_life {
        // Nobody ends before the process does: all of them are in company.
        IN_FLIGHT.fetch_add(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }
    event.effect("INSERT INTO done VALUES (?)", (number,));
    Ok(())
}

#[test]
#[ignore = "a process of the test below"]
fn member() {
    logs();
    let (address, file) = (std::env::var(ADDRESS).unwrap(), std::env::var(FILE).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = Consumer::builder()
        .brokers(address)
        .group("g")
        .inbox(format!("sqlite:{file}"))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .concurrency(u32::try_from(EVENTS).unwrap())
        .crash_limit(LIMIT)
        .setup_sql(["CREATE TABLE IF NOT EXISTS done(n INTEGER NOT NULL)"])
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over.
        .kafka("fetch.wait.max.ms", "100")
        .build()
        .unwrap()
        .on("orders", handler);
    runtime.block_on(app.run_until_end(std::future::pending())).unwrap();
}

/// Runs a process to its end. Whether it ended as it should.
fn live(broker: &Broker, file: &Path, deaths: u32) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["member", "--exact", "--ignored", "--nocapture"])
        .env(ADDRESS, broker.address())
        .env(FILE, file)
        .env(DEATHS, deaths.to_string())
        .stdin(Stdio::null())
        .stdout(if std::env::var_os("RUST_LOG").is_some() { Stdio::inherit() } else { Stdio::null() })
        .status()
        .unwrap();
    assert!(status.success() || status.code().is_none(), "neither ended nor killed: {status}");
    status.success()
}

fn header(letter: &OwnedMessage, name: &str) -> String {
    let value = letter.headers().unwrap().iter().find(|header| header.key == name).unwrap().value.unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

#[test]
fn only_the_event_that_kills_the_process_is_given_up() {
    logs();
    let broker = Broker::start(&["orders"], "g", 2);
    let keys: Vec<String> = (0..EVENTS).map(|number| format!("k{number}")).collect();
    let sent = |number: usize| Sent {
        key: Some(&keys[number]),
        value: number.to_string(),
        // Half of them have an id, the others are known by their place.
        headers: number.is_multiple_of(2).then(|| ("onceward-id", format!("e{number}"))).into_iter().collect(),
    };
    broker.send("orders", (0..keys.len()).map(sent));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let mut deaths = 0;
    while !live(&broker, &file, deaths) {
        deaths += 1;
        assert!(deaths <= LIMIT + 1, "it kills the process for ever");
    }
    assert_eq!(deaths, LIMIT + 1, "one in company, and as many alone as are allowed");
    let connection = rusqlite::Connection::open(&file).unwrap();
    let mut statement = connection.prepare("SELECT n FROM done ORDER BY n").unwrap();
    let done: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(done, (0..EVENTS).filter(|&number| number != POISON).collect::<Vec<_>>(), "all others, once");
    let letters = broker.read("orders.g.dlt", 1);
    assert_eq!(letters[0].payload().unwrap(), POISON.to_string().as_bytes());
    assert_eq!(header(&letters[0], "onceward-reason"), "crashed");
    assert_eq!(header(&letters[0], "onceward-attempts"), LIMIT.to_string());
}
