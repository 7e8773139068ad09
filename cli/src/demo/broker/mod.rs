//! The cluster of the demo: librdkafka's mock inside this process, or a real one that somebody named.

mod embedded;
mod real;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::failure::{Doing as _, Failure};
use super::plan::PARTITIONS;

/// How long a broker may take for one answer.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// A cluster with the topics of the demo. Dropping it removes them.
pub(super) struct Cluster {
    pub(super) brokers: String,
    pub(super) names: Names,
    /// How soon the cluster may notice a dead consumer.
    pub(super) session_timeout_ms: u32,
    kind: Kind,
}

enum Kind {
    Embedded(#[expect(dead_code, reason = "held, since dropping it stops the brokers")] embedded::Embedded),
    Real(#[expect(dead_code, reason = "held, since dropping it deletes the topics")] Box<real::Real>),
}

/// Topics and group.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) flights: String,
    pub(super) letters: String,
    pub(super) ledger: String,
    pub(super) group: String,
    /// Of the second service.
    pub(super) held: Held,
}

/// The second service's group and companions.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) group: String,
    pub(super) letters: String,
    pub(super) ledger: String,
}

impl Names {
    fn new(flights: &str, group: &str) -> Self {
        Self {
            flights: flights.to_owned(),
            letters: format!("{flights}.{group}.dlt"),
            ledger: format!("{flights}.{group}.ledger"),
            group: group.to_owned(),
            held: Held {
                group: format!("{group}-holds"),
                letters: format!("{flights}.{group}-holds.dlt"),
                ledger: format!("{flights}.{group}-holds.ledger"),
            },
        }
    }

    /// Every topic with its settings. A letter is its record with more headers, so it may be larger.
    fn topics(&self) -> [(&str, &'static [(&'static str, &'static str)]); 5] {
        [
            (&self.flights, &[("cleanup.policy", "delete"), ("max.message.bytes", "1000000")]),
            (&self.letters, &[("cleanup.policy", "delete"), ("max.message.bytes", "1100000")]),
            (&self.ledger, &[("cleanup.policy", "compact")]),
            (&self.held.letters, &[("cleanup.policy", "delete"), ("max.message.bytes", "1100000")]),
            (&self.held.ledger, &[("cleanup.policy", "compact")]),
        ]
    }
}

impl Cluster {
    /// The named cluster, or an embedded one.
    pub(super) fn open(brokers: Option<&str>) -> Result<Self, Failure> {
        if let Some(brokers) = brokers {
            let suffix = uuid::Uuid::new_v4().simple().to_string();
            let suffix = suffix.get(..8).unwrap_or_default();
            let names = Names::new(&format!("onceward-demo-{suffix}"), &format!("demo-{suffix}"));
            let real = real::Real::create(brokers, &names)?;
            // The shortest that brokers allow as they are shipped.
            return Ok(Self { brokers: brokers.to_owned(), names, session_timeout_ms: 6_000, kind: Kind::Real(Box::new(real)) });
        }
        let names = Names::new("flights", "demo");
        let embedded = embedded::Embedded::start(&names)?;
        // The mock holds the first join back for three seconds, and never answers it when the member's session runs out meanwhile.
        Ok(Self { brokers: embedded.address(), names, session_timeout_ms: 3_200, kind: Kind::Embedded(embedded) })
    }

    pub(super) fn is_embedded(&self) -> bool {
        matches!(self.kind, Kind::Embedded(_))
    }

    /// First and next offset of each partition of a topic.
    pub(super) fn extent(&self, topic: &str) -> Result<Vec<(i64, i64)>, Failure> {
        let reader = self.reader("onceward-demo-check")?;
        (0..PARTITIONS)
            .map(|partition| reader.fetch_watermarks(topic, partition, ANSWER).asking_broker("ask how long a topic is"))
            .collect()
    }

    /// Where the group stands in the partitions of the flights that it has committed.
    pub(super) fn committed(&self) -> Result<BTreeMap<i32, i64>, Failure> {
        let reader = self.reader(&self.names.group)?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.names.flights, 0, PARTITIONS - 1);
        let answer = reader.committed_offsets(asked, ANSWER).asking_broker("ask what the group has committed")?;
        Ok(answer
            .elements()
            .iter()
            .filter_map(|element| if let Offset::Offset(offset) = element.offset() { Some((element.partition(), offset)) } else { None })
            .collect())
    }

    /// A client that reads without joining a group.
    pub(super) fn reader(&self, group: &str) -> Result<BaseConsumer, Failure> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .create()
            .doing("create a Kafka client")
    }
}
