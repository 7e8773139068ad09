//! One broker, one topic, one inbox file with a table that effects write to.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use onceward::{AutoOffsetReset, Backoff, Builder, Consumer, Event};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use tempfile::TempDir;

use crate::support::{Broker, Sent, quick_cluster};

/// Longer than anything here takes: reached only by a bug.
pub const LONG: Duration = Duration::from_secs(60);

pub struct World {
    pub broker: Broker,
    pub folder: TempDir,
    pub topic: &'static str,
    partitions: i32,
}

impl World {
    /// The topic's name is the scenario's: log lines are told apart by it.
    pub fn new(topic: &'static str, partitions: i32) -> Self {
        Self::on_brokers(topic, partitions, 1)
    }

    pub fn on_brokers(topic: &'static str, partitions: i32, brokers: i32) -> Self {
        crate::logs::capture();
        let cluster = quick_cluster(brokers);
        for name in [topic.to_owned(), format!("{topic}.g.dlt"), format!("{topic}.g.ledger")] {
            cluster.create_topic(&name, partitions, brokers).unwrap();
        }
        Self { broker: Broker { cluster }, folder: tempfile::tempdir().unwrap(), topic, partitions }
    }

    pub fn builder(&self, inbox: &str) -> Builder {
        builder(&self.broker.address(), inbox)
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("inbox.db")
    }

    /// A consumer on the inbox file, with the table `done`: nothing keeps an event from being in it twice.
    pub fn sqlite(&self) -> Builder {
        self.builder(&format!("sqlite:{}", self.file().display())).setup_sql(["CREATE TABLE IF NOT EXISTS done(n INTEGER NOT NULL)"])
    }

    /// Sends events numbered by their values over so many keys.
    pub fn send(&self, numbers: std::ops::Range<i64>, keys: i64) {
        let names: Vec<String> = (0..keys).map(|key| format!("k{key}")).collect();
        let index = |number: i64| usize::try_from(number % keys).unwrap();
        self.broker.send(
            self.topic,
            numbers.map(|number| Sent {
                key: Some(&names[index(number)]),
                value: number.to_string(),
                headers: vec![("onceward-id", format!("e{number}")), ("correlation-id", format!("flow-{number}"))],
            }),
        );
    }

    /// What effects wrote, sorted.
    pub fn done(&self) -> Vec<i64> {
        let connection = rusqlite::Connection::open(self.file()).unwrap();
        let mut statement = connection.prepare("SELECT n FROM done ORDER BY n").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// The group's committed offsets, by partition; -1 where there is none.
    pub fn committed(&self) -> Vec<i64> {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.broker.address()).set("group.id", "g").create().unwrap();
        let mut list = rdkafka::TopicPartitionList::new();
        list.add_partition_range(self.topic, 0, self.partitions - 1);
        let found = consumer.committed_offsets(list, LONG).unwrap();
        found.elements().iter().map(|element| element.offset().to_raw().filter(|offset| *offset >= 0).unwrap_or(-1)).collect()
    }

    /// Records of a topic of this world.
    pub fn length(&self, topic: &str) -> i64 {
        let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", self.broker.address()).create().unwrap();
        (0..self.partitions).map(|partition| consumer.fetch_watermarks(topic, partition, LONG).unwrap().1).sum()
    }
}

pub fn builder(brokers: &str, inbox: &str) -> Builder {
    Consumer::builder()
        .brokers(brokers)
        .group("g")
        .inbox(inbox)
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .retry(Backoff::new().attempts(2).first(Duration::from_millis(5)))
        .kafka("session.timeout.ms", "4000")
        .kafka("heartbeat.interval.ms", "300")
        // This broker answers an empty fetch only when its time is over; and never, where that is shorter than the round trip.
        .kafka("fetch.wait.max.ms", "100")
}

pub fn number(event: &Event) -> i64 {
    std::str::from_utf8(event.value().unwrap()).unwrap().parse().unwrap()
}

/// Waits for what another thread will bring about.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
