//! The builder: fills the same configuration that a file does, and has it validated by the same validator.

use std::time::Duration;

use super::Consumer;
use crate::Error;
pub use crate::config::raw::OffsetReset as AutoOffsetReset;
use crate::config::{format_bytes, raw};

/// Settings of a [`Consumer`]. Defaults and ranges: `docs/reference/config.md`.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    config: raw::Config,
}

impl Builder {
    /// Starts from a configuration, for example one that was read from a file.
    #[must_use]
    pub fn from_config(config: raw::Config) -> Self {
        Self { config }
    }

    /// Kafka's bootstrap servers: `HOST:PORT`, several separated by commas. Required.
    #[must_use]
    pub fn brokers(mut self, brokers: impl Into<String>) -> Self {
        self.config.brokers = Some(brokers.into());
        self
    }

    /// The consumer group. Required.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.config.group = Some(group.into());
        self
    }

    /// Where handled events are remembered: `sqlite:PATH` or `memory`. Required.
    #[must_use]
    pub fn inbox(mut self, inbox: impl Into<String>) -> Self {
        self.config.inbox = Some(inbox.into());
        self
    }

    /// Where to start in a partition that the group has not committed yet. Required.
    #[must_use]
    pub fn auto_offset_reset(mut self, reset: AutoOffsetReset) -> Self {
        self.config.auto_offset_reset = Some(reset);
        self
    }

    /// Statements that run once on the inbox's database before the first event, in order.
    #[must_use]
    pub fn setup_sql<T: Into<String>>(mut self, statements: impl IntoIterator<Item = T>) -> Self {
        self.config.setup_sql = Some(statements.into_iter().map(Into::into).collect());
        self
    }

    /// A folder of SQL files that each run once on the inbox's database, in the order of their names, before `setup_sql`. Default none.
    #[must_use]
    pub fn migrations(mut self, folder: impl Into<String>) -> Self {
        self.config.migrations = Some(folder.into());
        self
    }

    /// Whether an event whose recorded statement violates a constraint of the database is given up at once. Default: it is tried again.
    #[must_use]
    pub fn fatal_constraints(mut self, fatal: bool) -> Self {
        self.config.fatal_constraints = Some(fatal);
        self
    }

    /// Handlers that may run at once. Default 64.
    #[must_use]
    pub fn concurrency(mut self, concurrency: u32) -> Self {
        self.config.concurrency = Some(concurrency);
        self
    }

    /// An event is dead-lettered when the process died so often while nothing but that event was being handled (default 3). Needs an inbox
    /// on disk.
    #[must_use]
    pub fn crash_limit(mut self, deaths: u32) -> Self {
        self.config.crash_limit = Some(deaths);
        self
    }

    /// Records and bytes that may be in memory. Default 10,000 and 64 MiB.
    #[must_use]
    pub fn credit(mut self, records: u32, bytes: u64) -> Self {
        self.config.credit = Some(raw::Credit { records: Some(records), bytes: Some(raw::BytesText(format_bytes(bytes))) });
        self
    }

    /// How long running handlers may take to finish when a partition is revoked or the consumer stops. Default 25 s.
    #[must_use]
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.config.drain_deadline = Some(deadline.into());
        self
    }

    /// How long a handled event is remembered. Default 7 days.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.config.retention = Some(retention.into());
        self
    }

    /// Create missing companion topics at start. Default false.
    #[must_use]
    pub fn create_topics(mut self, create: bool) -> Self {
        self.config.create_topics = Some(create);
        self
    }

    /// The retry policy of every handler that has none of its own.
    #[must_use]
    pub fn retry(mut self, backoff: crate::Backoff) -> Self {
        self.config.defaults.get_or_insert_default().retry = Some(backoff.0);
        self
    }

    /// Where the events of every topic get their identity from: `auto`, `header:NAME`, `json:/pointer` or `coordinates`.
    #[must_use]
    pub fn event_id(mut self, source: impl Into<String>) -> Self {
        self.config.defaults.get_or_insert_default().event_id = Some(source.into());
        self
    }

    /// Serves `/livez`, `/readyz`, `/startupz` and `/metrics` here: `IP:PORT` or `localhost:PORT`. Default: nowhere.
    #[must_use]
    pub fn health(mut self, address: impl Into<String>) -> Self {
        self.config.telemetry.get_or_insert_default().listen = Some(address.into());
        self
    }

    /// Sends traces and metrics over OTLP to the collector with this base URL, as `http://localhost:4318`. Default: where
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` says, else nowhere.
    #[must_use]
    pub fn otlp(mut self, collector: impl Into<String>) -> Self {
        self.config.telemetry.get_or_insert_default().otlp = Some(collector.into());
        self
    }

    /// Any librdkafka property, except those that Onceward sets itself.
    #[must_use]
    pub fn kafka(mut self, property: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.kafka.0.insert(property.into(), raw::Scalar::Text(value.into()));
        self
    }

    /// Everything that has no method of its own, as it stands in the file.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut raw::Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The consumer.
    ///
    /// # Errors
    /// [`Error::Config`] with every problem at once, each with its field path.
    pub fn build(self) -> Result<Consumer, Error> {
        Consumer::from_config(self.config)
    }
}
