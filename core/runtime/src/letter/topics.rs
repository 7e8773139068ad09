//! Companion topics: what a configuration needs, what is there, and making the difference.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;

use super::rights::has_user;
use super::{dead_letter_topic, ledger_topic};
use crate::Error;
use crate::kafka::{admin, fault, metadata, sys};

/// A letter is larger than its record by our headers, which are capped.
const HEADROOM: u64 = 64 << 10;
/// How long a topic's configuration is waited for: it is worth a check, not a late start.
const CONFIG_PATIENCE: Duration = Duration::from_millis(1_500);
/// 30 days.
const RETENTION: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Kafka's default for `max.message.bytes`, where a broker does not say.
const DEFAULT_SIZE: u64 = 1_048_588;

/// For what companion topics are needed.
#[derive(Clone, Debug)]
pub struct Needs<'a> {
    /// Properties of a client, see [`crate::kafka::producer_properties`].
    pub client: &'a [(String, String)],
    /// The consumer group.
    pub group: &'a str,
    /// The source topics.
    pub sources: &'a [String],
    /// How dead-letter topics are named, see [`super::DEFAULT_TEMPLATE`].
    pub template: &'a str,
    /// How ledger topics are named, where they are needed, too; see [`super::DEFAULT_LEDGER`].
    pub ledger: Option<&'a str>,
    /// How long a broker may take.
    pub timeout: Duration,
}

/// What a companion topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Dead letters.
    DeadLetters,
    /// The ledger of letters and held keys.
    Ledger,
}

/// A companion topic: what it should be, and what is wrong with the one that is there.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Companion {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Whose companion.
    pub source: String,
    /// As many as the source has.
    pub partitions: i32,
    /// As the source's.
    pub replication: i32,
    /// Topic configuration, by name.
    pub config: BTreeMap<String, String>,
    /// Whether it exists.
    pub exists: bool,
    /// What does not fit, each with its cure. Empty for a topic that is missing or right.
    pub problems: Vec<Problem>,
    /// How long its records are kept, in milliseconds; negative: for ever. `None`: it is missing, or the broker does not tell.
    #[serde(skip)]
    pub retention: Option<i64>,
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum Problem {
    /// It is one of the sources: letters would be consumed as events.
    IsSource {
        /// The field of the configuration that names it.
        field: &'static str,
    },
    /// A letter keeps its partition number, so there must be as many.
    TooFewPartitions {
        /// How many there are.
        found: i32,
        /// How many there must be.
        needed: i32,
    },
    /// The largest record would not fit, with our headers.
    TooSmall {
        /// `max.message.bytes` as it is.
        found: u64,
        /// As it must be at least.
        needed: u64,
    },
    /// Letters would be compacted away, or ledger records deleted.
    WrongPolicy {
        /// `cleanup.policy` as it is.
        found: String,
        /// As it must be.
        needed: String,
    },
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::IsSource { field } => write!(formatter, "it is also a source topic; choose another template in `{field}`"),
            Self::TooFewPartitions { found, needed } => {
                write!(formatter, "it has {found} partitions and needs {needed}; grow it with kafka-topics --alter --partitions {needed}")
            }
            Self::TooSmall { found, needed } => {
                write!(formatter, "max.message.bytes is {found} and must be {needed} or more; raise it with kafka-configs --alter")
            }
            Self::WrongPolicy { found, needed } => {
                write!(formatter, "cleanup.policy is {found} and must be {needed}; set it with kafka-configs --alter")
            }
        }
    }
}

/// All companions of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// In the order of the sources.
    pub companions: Vec<Companion>,
}

impl Plan {
    /// Those that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &Companion> {
        self.companions.iter().filter(|companion| !companion.exists && companion.problems.is_empty())
    }

    /// The part that concerns one source.
    pub(crate) fn of(&self, source: &str) -> Self {
        Self { companions: self.companions.iter().filter(|companion| companion.source == source).cloned().collect() }
    }

    /// Refuses what does not fit, and what is missing: for the start of a consumer.
    ///
    /// # Errors
    /// [`Error::Topics`] with every finding and the command that cures it.
    pub fn check(&self) -> Result<(), Error> {
        let mut findings = Vec::new();
        for companion in &self.companions {
            if !companion.exists && companion.problems.is_empty() {
                findings
                    .push(format!("{} is missing; create it with `onceward topics apply`, or set `create_topics = true`", companion.name));
            }
            findings.extend(companion.problems.iter().map(|problem| format!("{}: {problem}", companion.name)));
        }
        if findings.is_empty() { Ok(()) } else { Err(Error::Topics(format!("companion topics do not fit:\n  {}", findings.join("\n  ")))) }
    }
}

/// What a configuration needs, beside what is there. Changes nothing. Blocks for a broker's answers: not for an async thread.
///
/// # Errors
/// [`Error::Broker`] when no broker answers or the rights are missing, [`Error::Topics`] when a source topic does not exist.
pub fn plan(needs: &Needs<'_>) -> Result<Plan, Error> {
    let admin = Admin::connect(needs)?;
    let mut plan = Plan::default();
    for source in needs.sources {
        let found =
            admin.look(source)?.ok_or_else(|| Error::Topics(format!("topic {source} does not exist; create it or correct its name")))?;
        let size = found.size.unwrap_or(DEFAULT_SIZE).saturating_add(HEADROOM);
        let letters = dead_letter_topic(needs.template, source, needs.group);
        plan.companions.push(admin.companion(needs, Role::DeadLetters, letters, source, &found, size)?);
        if let Some(template) = needs.ledger {
            let ledger = ledger_topic(template, source, needs.group);
            plan.companions.push(admin.companion(needs, Role::Ledger, ledger, source, &found, size)?);
        }
    }
    Ok(plan)
}

/// Creates what is missing; the names of the topics made. What exists and does not fit is left alone: changing it is a person's decision.
///
/// # Errors
/// [`Error::Broker`] when a broker refuses.
pub fn apply(needs: &Needs<'_>, plan: &Plan) -> Result<Vec<String>, Error> {
    let missing: Vec<&Companion> = plan.missing().collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let admin = Admin::connect(needs)?;
    let topics: Vec<NewTopic<'_>> = missing.iter().map(|companion| new_topic(companion)).collect();
    let what = "creating companion topics";
    let results =
        block_on(admin.client.create_topics(&topics, &admin.options())).map_err(|error| refused(what, &error.to_string(), None))?;
    let mut made = Vec::new();
    for result in results {
        match result {
            // Another member of the group was faster.
            Ok(name) | Err((name, RDKafkaErrorCode::TopicAlreadyExists)) => made.push(name),
            Err((name, code)) => return Err(refused(&format!("creating {name}"), &code.to_string(), Some(code))),
        }
    }
    Ok(made)
}

/// Gives companions as many partitions as their sources have by now; the names of those that grew.
///
/// # Errors
/// [`Error::Broker`] when a broker refuses.
pub fn grow(needs: &Needs<'_>, plan: &Plan) -> Result<Vec<String>, Error> {
    let narrow = |companion: &&Companion| companion.problems.iter().any(|problem| matches!(problem, Problem::TooFewPartitions { .. }));
    let narrow: Vec<&Companion> = plan.companions.iter().filter(narrow).collect();
    if narrow.is_empty() {
        return Ok(Vec::new());
    }
    let admin = Admin::connect(needs)?;
    let wanted = |companion: &&Companion| usize::try_from(companion.partitions).unwrap_or(1);
    let partitions: Vec<_> = narrow.iter().map(|companion| NewPartitions::new(&companion.name, wanted(companion))).collect();
    let what = "growing companion topics";
    let results =
        block_on(admin.client.create_partitions(&partitions, &admin.options())).map_err(|error| refused(what, &error.to_string(), None))?;
    let mut grown = Vec::new();
    for result in results {
        match result {
            // Another member of the group was faster.
            Ok(name) | Err((name, RDKafkaErrorCode::InvalidPartitions)) => grown.push(name),
            Err((name, code)) => return Err(refused(&format!("growing {name}"), &code.to_string(), Some(code))),
        }
    }
    Ok(grown)
}

fn new_topic(companion: &Companion) -> NewTopic<'_> {
    let mut topic = NewTopic::new(&companion.name, companion.partitions, TopicReplication::Fixed(companion.replication));
    for (name, value) in &companion.config {
        topic = topic.set(name, value);
    }
    topic
}

/// A topic that exists.
struct Found {
    partitions: i32,
    replication: i32,
    /// `max.message.bytes`, where the broker tells.
    size: Option<u64>,
    policy: Option<String>,
    /// `retention.ms`, where the broker tells.
    retention: Option<i64>,
}

struct Admin {
    client: AdminClient<DefaultClientContext>,
    timeout: Duration,
    /// Whether there is somebody to whom rights could be granted.
    has_user: bool,
    /// A broker that did not answer for one topic's configuration is not asked for the next one.
    mute: std::cell::Cell<bool>,
}

impl Admin {
    fn connect(needs: &Needs<'_>) -> Result<Self, Error> {
        Ok(Self {
            client: admin(needs.client)?,
            has_user: has_user(needs.client),
            timeout: needs.timeout,
            mute: std::cell::Cell::new(false),
        })
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout))
    }

    fn look(&self, topic: &str) -> Result<Option<Found>, Error> {
        let what = format!("looking at topic {topic}");
        let metadata = metadata(self.client.inner(), self.timeout).map_err(|why| fault::broker(what.as_str(), why.cause, why.cure))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return self.missing(topic) };
        match found.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Ok(None),
            Some(code) => return Err(refused(&what, &code.to_string(), Some(code))),
        }
        let config = self.config(topic);
        let replicas = found.partitions().iter().map(|partition| partition.replicas().len()).max().unwrap_or(1);
        Ok(Some(Found {
            partitions: i32::try_from(found.partitions().len()).unwrap_or(i32::MAX),
            replication: i32::try_from(replicas).unwrap_or(1).max(1),
            size: config.get("max.message.bytes").and_then(|value| value.parse().ok()),
            policy: config.get("cleanup.policy").cloned(),
            retention: config.get("retention.ms").and_then(|value| value.parse().ok()),
        }))
    }

    /// A list of all topics leaves out those that this user may not see; asked for by name, they are told apart.
    fn missing(&self, topic: &str) -> Result<Option<Found>, Error> {
        if !self.has_user {
            return Ok(None);
        }
        let named = sys::describe_topics(self.client.inner().native_ptr(), &[topic.to_owned()], self.timeout.min(CONFIG_PATIENCE), false);
        if named.first().is_some_and(|found| found.error == Some(RDKafkaErrorCode::TopicAuthorizationFailed)) {
            let cure = fault::grant_describe(topic);
            return Err(fault::broker(format!("looking at topic {topic}"), "it does not exist, or this user may not see it", cure));
        }
        Ok(None)
    }

    /// Reading a topic's configuration is a right of its own, and not every broker answers (librdkafka's mock does not): without it the
    /// checks that need it are left out.
    fn config(&self, topic: &str) -> BTreeMap<String, String> {
        if self.mute.get() {
            return BTreeMap::new();
        }
        let options = AdminOptions::new().request_timeout(Some(self.timeout.min(CONFIG_PATIENCE)));
        let answer = block_on(self.client.describe_configs(&[ResourceSpecifier::Topic(topic)], &options));
        self.mute.set(answer.is_err());
        let resources = answer.unwrap_or_default().into_iter().filter_map(Result::ok);
        resources.flat_map(|resource| resource.entries).filter_map(|entry| entry.value.map(|value| (entry.name, value))).collect()
    }

    fn companion(&self, needs: &Needs<'_>, role: Role, name: String, source: &str, of: &Found, size: u64) -> Result<Companion, Error> {
        let (policy, field) = match role {
            Role::DeadLetters => ("delete", "dead_letter.topic"),
            Role::Ledger => ("compact", "dead_letter.ledger"),
        };
        let mut config = BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]);
        if role == Role::DeadLetters {
            config.insert("retention.ms".to_owned(), RETENTION.to_string());
            config.insert("max.message.bytes".to_owned(), size.to_string());
        }
        let mut problems = Vec::new();
        let found = if needs.sources.contains(&name) {
            problems.push(Problem::IsSource { field });
            None
        } else {
            self.look(&name)?
        };
        if let Some(found) = &found {
            if found.partitions < of.partitions {
                problems.push(Problem::TooFewPartitions { found: found.partitions, needed: of.partitions });
            }
            if let Some(found) = found.size.filter(|found| role == Role::DeadLetters && *found < size) {
                problems.push(Problem::TooSmall { found, needed: size });
            }
            if let Some(found) = found.policy.as_ref().filter(|found| *found != policy) {
                problems.push(Problem::WrongPolicy { found: found.clone(), needed: policy.to_owned() });
            }
        }
        let retention = found.as_ref().and_then(|found| found.retention);
        let (partitions, replication) = (of.partitions, of.replication);
        Ok(Companion {
            name,
            role,
            source: source.to_owned(),
            partitions,
            replication,
            config,
            exists: found.is_some(),
            problems,
            retention,
        })
    }
}

fn refused(what: &str, cause: &str, code: Option<RDKafkaErrorCode>) -> Error {
    let cure =
        code.and_then(fault::cure).unwrap_or("Check that `brokers` is right, that a broker runs there, and that this user may do it");
    fault::broker(what, cause, cure)
}

/// Waits for an answer that librdkafka's own thread brings; no runtime is needed for it.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::task::Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        std::thread::park();
    }
}
