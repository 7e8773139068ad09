//! What the configuration means: validated, with no gap where there is a default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use onceward_engine::{BreakerRules, Credit, EngineSettings, Policy, PolicyId};

use super::duration::millis;
use super::path::join;
use super::raw::Config;
use super::registry::{RegistrySettings, SchemaRules};
use super::{ConfigError, Pattern, Problem, nearest, secret};
use crate::inbox::Address;
use crate::kafka::{DedupScope, IdentitySource, KeySource, OffsetReset, TopicSettings, TypeSource, Unrouted};

/// A validated configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bootstrap servers.
    pub brokers: String,
    /// The consumer group.
    pub group: String,
    /// Where handled events are remembered.
    pub inbox: InboxPlace,
    /// Where to start without a committed offset.
    pub auto_offset_reset: OffsetReset,
    /// A folder of files that each run once on the inbox's database.
    pub migrations: Option<PathBuf>,
    /// Statements that run once on the inbox's database, in order.
    pub setup_sql: Vec<String>,
    /// A recorded statement that violates a constraint gives its event up.
    pub fatal_constraints: bool,
    /// Handlers in flight.
    pub concurrency: u32,
    /// Records and bytes in flight.
    pub credit: Credit,
    /// Deaths of the process that are charged to one event before it is given up.
    pub crash_limit: u32,
    /// How marks are grouped into transactions.
    pub group_commit: GroupCommit,
    /// Time between two offset commits of a partition.
    pub commit_interval: Duration,
    /// How long running handlers may take to finish at the end.
    pub drain_deadline: Duration,
    /// How long a handled event is remembered.
    pub retention: Duration,
    /// Memory of the inbox's filter, in bytes.
    pub filter_memory: u64,
    /// The names of the companion topics.
    pub dead_letter: CompanionTemplates,
    /// Create missing companion topics at start.
    pub create_topics: bool,
    /// The header that carries the correlation id out.
    pub correlation_header: String,
    /// Static membership.
    pub instance_id: Option<String>,
    /// How this client is called.
    pub client_id: String,
    /// How events are treated in topics that are not named below.
    pub defaults: TopicRules,
    /// How the events of single topics are treated, already laid over the defaults.
    pub topics: BTreeMap<String, TopicRules>,
    /// What can be seen from outside.
    pub telemetry: TelemetrySettings,
    /// Where alerts about dead letters are sent.
    pub webhook: Option<WebhookSettings>,
    /// Where schemas are.
    pub registry: Option<RegistrySettings>,
    /// The user's librdkafka properties.
    pub kafka: KafkaProperties,
}

/// Where handled events are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InboxPlace {
    /// In an SQLite file.
    Sqlite(PathBuf),
    /// In a Postgres database, which members on several machines share.
    Postgres(Box<Address>),
    /// In this process, for tests.
    Memory,
}

impl InboxPlace {
    /// What is promised of effects and publishes with it, and what would raise that: for people.
    #[must_use]
    pub fn guarantee(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => {
                "what it gives to event.effect commits with its mark, exactly once among the processes of this host (on several hosts: \
                 inbox = \"postgres://…\"); what it publishes commits with its mark too and is relayed afterwards, in order per key, so \
                 the next Onceward consumer sees it once"
            }
            Self::Postgres(_) => {
                "what it gives to event.effect commits with its mark, exactly once on every host that shares the database; what it \
                 publishes is acknowledged before the mark, so a crash in between publishes the same id again, which the next Onceward \
                 consumer drops"
            }
            Self::Memory => {
                "the memory inbox forgets everything at exit: copies that arrive after a restart are handled again, and event.effect is \
                 refused (inbox = \"sqlite:PATH\" keeps both); what it publishes is acknowledged before the mark, so a crash in between \
                 publishes the same id again"
            }
        }
    }
}

/// How marks are grouped into transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCommit {
    /// How long a mark may wait for company.
    pub wait: Duration,
    /// Events of one transaction.
    pub size: usize,
}

/// Templates of the companion topics' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanionTemplates {
    /// Of the dead-letter topic.
    pub topic: String,
    /// Of the ledger.
    pub ledger: String,
    /// Whether there is a ledger: without one nothing is replayed.
    pub replay: bool,
}

/// What can be seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// Where health and metrics are served.
    pub listen: Option<std::net::SocketAddr>,
    /// The base URL of the collector, without a slash at its end.
    pub otlp: Option<String>,
    /// Whether the producer's trace goes on.
    pub traces: super::raw::Traces,
}

/// Where alerts about dead letters are sent. References are as they were written; `Debug` masks what is none.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The URL, or a reference to it.
    pub url: String,
    /// A reference to the key of the signature.
    pub secret: Option<String>,
    /// How often one cause is told.
    pub every: Duration,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = secret::shown_url(&self.url);
        let secret = self.secret.as_deref().map(|secret| secret::shown("secret", secret));
        formatter.debug_struct("WebhookSettings").field("url", &url).field("secret", &secret).field("every", &self.every).finish()
    }
}

/// How the events of one topic are treated.
#[derive(Clone, Debug)]
pub struct TopicRules {
    /// The engine's part.
    pub policy: Policy,
    /// What its breaker goes by, or would if it were not turned off.
    pub breaker: BreakerRules,
    /// Where ids come from.
    pub identity: IdentitySource,
    /// The scope of ids.
    pub scope: DedupScope,
    /// Where the order key comes from.
    pub order_key: KeySource,
    /// Where the type comes from.
    pub event_type: TypeSource,
    /// What happens to an event for whose type there is no handler.
    pub unrouted: Unrouted,
    /// Type names of errors that are never tried again.
    pub fatal: Vec<String>,
    /// What happens to later events of a dead-lettered key.
    pub after_dead_letter: AfterDeadLetter,
    /// The schema of its values.
    pub schema: Option<SchemaRules>,
}

/// What happens to later events of a dead-lettered key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDeadLetter {
    /// They are handled.
    Continue,
    /// They follow it, unhandled, until it is settled.
    Hold,
}

/// librdkafka properties by name, with their references as they were written. `Debug` masks secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaProperties(pub BTreeMap<String, String>);

impl KafkaProperties {
    /// What a client is given: references to the environment and to files replaced. Read anew each time, and never kept.
    ///
    /// # Errors
    /// Each reference that leads nowhere, with the path of its property.
    pub fn resolved(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let mut problems = Vec::new();
        let mut properties = Vec::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            match secret::resolve(value) {
                Ok(value) => properties.push((name.clone(), value)),
                Err(message) => problems.push(Problem::new(join("kafka", name), message)),
            }
        }
        if problems.is_empty() { Ok(properties) } else { Err(ConfigError::new(problems)) }
    }
}

impl fmt::Debug for KafkaProperties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, value)| (name, secret::shown(name, value)));
        formatter.debug_map().entries(shown).finish()
    }
}

impl Default for TopicRules {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            breaker: BreakerRules::default(),
            identity: IdentitySource::Automatic,
            scope: DedupScope::Topic,
            order_key: KeySource::Key,
            event_type: TypeSource::Automatic,
            unrouted: Unrouted::DeadLetter,
            fatal: Vec::new(),
            after_dead_letter: AfterDeadLetter::Continue,
            schema: None,
        }
    }
}

impl Settings {
    /// Validates what was written; every problem at once.
    ///
    /// # Errors
    /// All problems, with their paths.
    pub fn from_raw(config: &Config) -> Result<Self, ConfigError> {
        super::validate(config)
    }

    /// How the events of a topic are treated.
    #[must_use]
    pub fn rules(&self, topic: &str) -> &TopicRules {
        self.topics.get(topic).unwrap_or(&self.defaults)
    }

    /// The engine's policy of a topic.
    #[must_use]
    pub fn policy(&self, topic: &str) -> Policy {
        self.rules(topic).policy.clone()
    }

    /// The engine's settings with these policies.
    #[must_use]
    pub fn engine_settings(&self, mut policies: Vec<Policy>, seed: u64, until_end: bool) -> EngineSettings {
        if policies.is_empty() {
            policies.push(self.defaults.policy.clone());
        }
        EngineSettings {
            policies,
            concurrency: self.concurrency,
            credit: self.credit,
            commit_interval: millis(self.commit_interval),
            crash_limit: self.crash_limit,
            seed,
            until_end,
            ..EngineSettings::default()
        }
    }

    /// What the poll thread needs to know about the subscribed topics. The policy of `topics[i]` is `PolicyId(i)`. Of a pattern it is what
    /// its topics will have, under its own name.
    #[must_use]
    pub fn topic_settings<T: AsRef<str>>(&self, topics: &[T]) -> Vec<TopicSettings> {
        let ids = (0..=u16::MAX).map(PolicyId);
        topics
            .iter()
            .zip(ids)
            .map(|(topic, policy)| {
                let rules = self.rules(topic.as_ref());
                TopicSettings {
                    name: topic.as_ref().to_owned(),
                    policy,
                    identity: rules.identity.clone(),
                    scope: rules.scope,
                    order_key: rules.order_key.clone(),
                    event_type: rules.event_type.clone(),
                    routing: None,
                    pattern: Pattern::is_one(topic.as_ref()).then(|| topic.as_ref().into()),
                }
            })
            .collect()
    }

    /// Refuses tables of topics that nobody subscribed: a misspelt name would silently run with the defaults.
    ///
    /// # Errors
    /// One problem for each such table.
    pub fn check_subscribed<T: AsRef<str>>(&self, subscribed: &[T]) -> Result<(), ConfigError> {
        let known = || subscribed.iter().map(AsRef::as_ref);
        let problems: Vec<Problem> = self
            .topics
            .keys()
            .filter(|name| !known().any(|topic| topic == name.as_str()))
            .map(|name| {
                let pattern =
                    known().find(|known| Pattern::is_one(known) && Pattern::new(known).is_ok_and(|pattern| pattern.matches(name)));
                let hint = match (pattern, nearest(name, known())) {
                    (Some(pattern), _) => {
                        format!(
                            "{pattern:?} matches it, and treats all its topics alike: write {}, or add a handler for this topic",
                            join("topics", pattern)
                        )
                    }
                    (None, Some(near)) => format!("did you mean {near:?}?"),
                    (None, None) => "remove the table or add a handler".to_owned(),
                };
                Problem::new(join("topics", name), format!("no handler subscribes to this topic; {hint}"))
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::new(problems)) }
    }

    /// The user's librdkafka properties with their secrets, and those that have a name of their own in the configuration.
    ///
    /// # Errors
    /// Each reference to the environment or to a file that leads nowhere.
    pub(crate) fn client_properties(&self) -> Result<Vec<(String, String)>, ConfigError> {
        let mut properties = self.kafka.resolved()?;
        properties.push(("client.id".to_owned(), self.client_id.clone()));
        if let Some(instance) = &self.instance_id {
            properties.push(("group.instance.id".to_owned(), instance.clone()));
        }
        Ok(properties)
    }

    /// What was meant, written out in full: every default filled in. Validating it again gives the same settings. Secrets are still in
    /// it; show [`Config::masked`].
    #[must_use]
    pub fn effective(&self) -> Config {
        super::effective::effective(self)
    }
}
