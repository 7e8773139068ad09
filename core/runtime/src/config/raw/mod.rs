//! What the user wrote: every field optional, nothing checked but names and types.
//!
//! The doc comments below are the reference: they become the descriptions of the JSON Schema and the tables of `docs/reference/config.md`.

mod alerts;
mod breaker;
mod kafka;
mod registry;
mod telemetry;
mod topic;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::inbox::Address;

pub use alerts::{Alerts, Webhook};
pub use breaker::Breaker;
pub use kafka::{Kafka, Scalar};
pub use registry::{Framing, Registry, SchemaFormat, TopicSchema};
pub use telemetry::{Telemetry, Traces};
pub use topic::{AfterDeadLetter, DedupScope, NullKeys, OnConflict, OnGap, OnRewind, Order, Retry, Topic, UnroutedType};
pub use words::{BytesText, DurationText, OffsetReset};

/// The configuration of an Onceward consumer.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Kafka's bootstrap servers: `HOST:PORT`, several separated by commas. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brokers: Option<String>,
    /// The consumer group. Part of every event's identity and of the names of the companion topics. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where handled events are remembered: `sqlite:PATH`, `postgres://USER:PASSWORD@HOST:PORT/DATABASE` for members on several machines, or
    /// `memory` (tests: forgets everything at exit). Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbox: Option<String>,
    /// Where to start in a partition for which the group has no committed offset. Required, because each choice is wrong for somebody:
    /// `earliest` may handle years of history, `latest` skips what came before, `error` refuses the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_offset_reset: Option<OffsetReset>,
    /// A folder of SQL files (`*.sql`) for the inbox's database. At start, before `setup_sql`, each that has not run yet runs once, in the
    /// order of names and in a transaction of its own. A file that has run must stay as it was. Not set: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrations: Option<String>,
    /// SQL statements that run once on the inbox's database before the first event, in order, as `CREATE TABLE IF NOT EXISTS …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = []))]
    pub setup_sql: Option<Vec<String>>,
    /// Whether an event whose recorded statement violates a constraint of the database is given up at once, instead of tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub fatal_constraints: Option<bool>,
    /// Handlers that may run at once, 1 to 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 64))]
    pub concurrency: Option<u32>,
    /// An event is dead-lettered (reason `crashed`) when the process died so often while nothing but that event was being handled,
    /// 1 to 100. Counted beside an inbox on disk only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 3))]
    pub crash_limit: Option<u32>,
    /// How much may be in memory, over all partitions. Each has an equal share, and is paused when that is used. Partitions that come while
    /// others hold more than their share by now get theirs beside it: until it is resolved, there may be up to three times as much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
    /// How marks and effects are grouped into transactions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_commit: Option<GroupCommit>,
    /// Time between two offset commits of a partition, 10ms to 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "1s"))]
    pub commit_interval: Option<DurationText>,
    /// How long running handlers may take to finish when a partition is revoked or the consumer stops, 1s to 10m. Must be shorter than
    /// `kafka."max.poll.interval.ms"` (5m unless set), after which the group gives the partition away anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "25s"))]
    pub drain_deadline: Option<DurationText>,
    /// How long a handled event is remembered, at least 1h. A copy that arrives later is handled again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "7d"))]
    pub retention: Option<DurationText>,
    /// Memory of the filter in front of the inbox, at least 1MiB. Older events beyond it are looked up on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "64MiB"))]
    pub filter_memory: Option<BytesText>,
    /// The names of the companion topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<DeadLetter>,
    /// Create missing companion topics at start. Otherwise the consumer refuses to start and names `onceward topics apply`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub create_topics: Option<bool>,
    /// The header that carries the correlation id on published events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "correlation-id"))]
    pub correlation_header: Option<String>,
    /// Static membership: a name that this process, and no other of the group, keeps over restarts. Not set: dynamic membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// How this client is called in the broker's logs, metrics and quotas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "onceward"))]
    pub client_id: Option<String>,
    /// How events are treated, for every topic that does not say otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<Topic>,
    /// How the events of one topic are treated: `[topics.orders]`. What is left out comes from `defaults`. A name that begins with `^` is
    /// the pattern of a handler, exactly as the handler has it, and holds for every topic that it matches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, Topic>,
    /// What can be seen from outside while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
    /// Whom to tell of dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Alerts>,
    /// Where schemas are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registry>,
    /// Any librdkafka property, except those that Onceward sets itself: text, whole numbers or true/false. In a text, `${env:NAME}` and
    /// `${file:PATH}` stand for an environment variable and for what a file holds: for secrets.
    #[serde(default, skip_serializing_if = "Kafka::is_empty")]
    pub kafka: Kafka,
}

/// A budget of records and bytes in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// Records in flight, at least `concurrency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 10_000))]
    pub records: Option<u32>,
    /// Bytes of their keys, values and headers, at least 1MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "64MiB"))]
    pub bytes: Option<BytesText>,
}

/// How marks and effects are grouped into transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupCommit {
    /// How long a mark may wait for company, at most 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5ms"))]
    pub wait: Option<DurationText>,
    /// Events of one transaction, 1 to 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 8192))]
    pub size: Option<u32>,
}

/// The names of the companion topics. `{topic}` and `{group}` stand for the source topic and the group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// The dead-letter topic of a source topic. Must contain `{topic}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "{topic}.{group}.dlt"))]
    pub topic: Option<String>,
    /// The ledger of a source topic. Must contain `{topic}`. Two groups must not share one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "{topic}.{group}.ledger"))]
    pub ledger: Option<String>,
    /// Whether dead letters have a state, in the ledger, and can be replayed. Without it no ledger is needed, and no key can be held.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub replay: Option<bool>,
}

/// The address of a Postgres inbox without user and password; anything else as it is.
fn shown_inbox(inbox: &str) -> String {
    if !inbox.starts_with("postgres") {
        return inbox.to_owned();
    }
    Address::parse(inbox).map_or_else(|_| "postgres://…".to_owned(), |address| address.to_string())
}

/// As TOML: secrets are masked.
impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_toml())
    }
}

impl Config {
    /// This configuration with every secret replaced, to be shown.
    #[must_use]
    pub fn masked(&self) -> Self {
        let (alerts, registry) = (self.alerts.as_ref().map(Alerts::masked), self.registry.as_ref().map(Registry::masked));
        let inbox = self.inbox.as_ref().map(|inbox| shown_inbox(inbox));
        Self { kafka: self.kafka.masked(), alerts, registry, inbox, ..self.clone() }
    }

    /// As TOML, secrets masked.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // The types above hold nothing that TOML can't say, so the error is out of reach; it is shown rather than hidden all the same.
        toml::to_string(&self.masked()).unwrap_or_else(|error| format!("# can't be written as TOML: {error}\n"))
    }
}
