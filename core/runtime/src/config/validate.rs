//! From what was written to what it means; every problem is found, none hides another.

use std::collections::BTreeMap;
use std::time::Duration;

use onceward_engine::Credit;

use super::check::Check;
use super::duration::millis;
use super::path::{index, join};
use super::raw::{self, Config};
use super::settings::{CompanionTemplates, GroupCommit, InboxPlace, KafkaProperties, Settings, TelemetrySettings, TopicRules};
use super::{ConfigError, Pattern, Problem, alerts, companions, format_duration, nearest, registry, secret, source, topic};
use crate::kafka::{OffsetReset, owned};
use crate::letter::{DEFAULT_LEDGER, DEFAULT_TEMPLATE};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Validates what was written.
///
/// # Errors
/// All problems, with their paths.
pub fn validate(config: &Config) -> Result<Settings, ConfigError> {
    let (settings, problems) = examine(config);
    if problems.is_empty() { Ok(settings) } else { Err(ConfigError::new(problems)) }
}

/// What the configuration means wherever it means something, and what is wrong. Where a field is wrong its default stands in, so that
/// the rest can still be examined; such settings never leave this module.
pub(super) fn examine(config: &Config) -> (Settings, Vec<Problem>) {
    let mut check = Check::default();
    let credit = config.credit.clone().unwrap_or_default();
    let commit = config.group_commit.clone().unwrap_or_default();
    let dead_letter = config.dead_letter.clone().unwrap_or_default();
    let defaults = topic::rules(&mut check, "defaults", &config.defaults.clone().unwrap_or_default(), &TopicRules::default());
    let mut settings = Settings {
        brokers: brokers(&mut check, config.brokers.as_deref()),
        group: check.required(
            "group",
            config.group.as_deref(),
            "the consumer group; it is part of every event's identity, so choose it once",
        ),
        inbox: inbox(&mut check, config),
        auto_offset_reset: reset(&mut check, config.auto_offset_reset),
        migrations: config.migrations.as_ref().map(std::path::PathBuf::from),
        setup_sql: config.setup_sql.clone().unwrap_or_default(),
        fatal_constraints: config.fatal_constraints.unwrap_or(false),
        concurrency: 64,
        crash_limit: 3,
        credit: Credit { records: 10_000, bytes: 64 << 20 },
        group_commit: GroupCommit { wait: Duration::from_millis(5), size: 8_192 },
        commit_interval: SECOND,
        drain_deadline: Duration::from_secs(25),
        retention: DAY.saturating_mul(7),
        filter_memory: 64 << 20,
        dead_letter: CompanionTemplates {
            topic: dead_letter.topic.unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
            ledger: dead_letter.ledger.unwrap_or_else(|| DEFAULT_LEDGER.to_owned()),
            replay: dead_letter.replay.unwrap_or(true),
        },
        create_topics: config.create_topics.unwrap_or(false),
        correlation_header: config.correlation_header.clone().unwrap_or_else(|| crate::wire::CORRELATION_ID.to_owned()),
        instance_id: config.instance_id.clone(),
        client_id: config.client_id.clone().unwrap_or_else(|| "onceward".to_owned()),
        topics: config.topics.iter().map(|(name, table)| (name.clone(), named_topic(&mut check, name, table, &defaults))).collect(),
        defaults,
        telemetry: telemetry(&mut check, config.telemetry.as_ref()),
        webhook: alerts::webhook(&mut check, config.alerts.as_ref()),
        registry: registry::registry(&mut check, config.registry.as_ref()),
        kafka: kafka(&mut check, &config.kafka),
    };
    if settings.migrations.as_ref().is_some_and(|folder| folder.as_os_str().is_empty()) {
        check.refuse("migrations", "is empty; name a folder, or remove it");
    }
    for (number, statement) in settings.setup_sql.iter().enumerate().filter(|(_, statement)| statement.trim().is_empty()) {
        check.refuse(index("setup_sql", number), format!("{statement:?} is no statement; remove it"));
    }
    check.number("", "concurrency", config.concurrency, 1..=65_536, &mut settings.concurrency);
    check.number("", "crash_limit", config.crash_limit, 1..=100, &mut settings.crash_limit);
    check.number("credit", "records", credit.records, 1..=10_000_000, &mut settings.credit.records);
    check.bytes("credit", "bytes", credit.bytes.as_ref(), 1 << 20, &mut settings.credit.bytes);
    check.duration("group_commit", "wait", commit.wait.as_ref(), Duration::ZERO..=SECOND, &mut settings.group_commit.wait);
    let mut size = 8_192;
    check.number("group_commit", "size", commit.size, 1..=65_536, &mut size);
    settings.group_commit.size = usize::try_from(size).unwrap_or(usize::MAX);
    check.duration(
        "",
        "commit_interval",
        config.commit_interval.as_ref(),
        Duration::from_millis(10)..=MINUTE.saturating_mul(5),
        &mut settings.commit_interval,
    );
    check.duration("", "drain_deadline", config.drain_deadline.as_ref(), SECOND..=MINUTE.saturating_mul(10), &mut settings.drain_deadline);
    check.duration(
        "",
        "retention",
        config.retention.as_ref(),
        MINUTE.saturating_mul(60)..=DAY.saturating_mul(3_650),
        &mut settings.retention,
    );
    check.bytes("", "filter_memory", config.filter_memory.as_ref(), 1 << 20, &mut settings.filter_memory);
    names(&mut check, &settings);
    framing(&mut check, config, &mut settings);
    together(&mut check, config, &settings);
    (settings, check.into_problems())
}

/// Whether records say which schema wrote them follows from whether there is a registry.
fn framing(check: &mut Check, config: &Config, settings: &mut Settings) {
    let there = settings.registry.is_some();
    let written = config.defaults.as_ref().and_then(|defaults| defaults.schema.as_ref());
    registry::framing(check, "defaults", written, there, &mut settings.defaults.schema);
    for (name, rules) in &mut settings.topics {
        let written = config.topics.get(name).and_then(|table| table.schema.as_ref());
        registry::framing(check, &join("topics", name), written, there, &mut rules.schema);
    }
}

/// Fields that are each right and do not go together.
fn together(check: &mut Check, config: &Config, settings: &Settings) {
    if settings.credit.records < settings.concurrency && check.fine("concurrency") && check.fine("credit.records") {
        let concurrency = settings.concurrency;
        check.refuse(
            "credit.records",
            format!(
                "{} is less than concurrency ({concurrency}): handlers would idle; write at least {concurrency}",
                settings.credit.records
            ),
        );
    }
    if settings.inbox == InboxPlace::Memory && config.inbox.is_some() && !settings.setup_sql.is_empty() {
        check.refuse("setup_sql", "the memory inbox has no database to run it on; write inbox = \"sqlite:PATH\", or remove setup_sql");
    }
    if settings.inbox == InboxPlace::Memory && config.inbox.is_some() && settings.migrations.is_some() {
        check.refuse("migrations", "the memory inbox has no database to run them on; write inbox = \"sqlite:PATH\", or remove migrations");
    }
    let limit = settings.kafka.0.get("max.poll.interval.ms").and_then(|value| value.parse().ok()).unwrap_or(300_000);
    if millis(settings.drain_deadline) >= limit && check.fine("drain_deadline") {
        let limit = format_duration(Duration::from_millis(limit));
        check.refuse(
            "drain_deadline",
            format!("must be shorter than kafka.\"max.poll.interval.ms\" ({limit}), after which the group gives the partition away while it is drained"),
        );
    }
    let before = check.count();
    companions::check_template("dead_letter.topic", &settings.dead_letter.topic, check.problems());
    companions::check_template("dead_letter.ledger", &settings.dead_letter.ledger, check.problems());
    if check.count() == before {
        companions::check_distinct(&settings.dead_letter, &settings.group, &settings.topics, check.problems());
    }
}

fn names(check: &mut Check, settings: &Settings) {
    for (path, name) in
        [("client_id", Some(&settings.client_id)), ("instance_id", settings.instance_id.as_ref()), ("group", Some(&settings.group))]
    {
        let Some(name) = name.filter(|_| check.fine(path)) else { continue };
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            check.refuse(path, format!("{name:?} is not a name; write visible characters"));
        }
    }
    let header = &settings.correlation_header;
    if header.trim().is_empty() || header.chars().any(char::is_control) {
        check.refuse("correlation_header", format!("{header:?} is not a name; write visible characters"));
    } else if [crate::wire::TRACEPARENT, crate::wire::CAUSATION_ID].contains(&header.as_str())
        || header.starts_with("onceward-")
        || header.starts_with("kafka_dlt-")
    {
        check.refuse("correlation_header", format!("{header:?} has a meaning of its own; choose another name, as correlation-id"));
    }
}

fn brokers(check: &mut Check, written: Option<&str>) -> String {
    let text = check.required("brokers", written, "Kafka's bootstrap servers, as \"localhost:9092\"");
    if check.fine("brokers") {
        for broker in text.split(',') {
            let address = broker.trim().rsplit("://").next().unwrap_or_default();
            let port = address.rsplit_once(':').filter(|_| !address.ends_with(']')).map(|(_, port)| port);
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            if host.is_empty()
                || address.contains(char::is_whitespace)
                || port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0))
            {
                check.refuse("brokers", format!("{:?} is not HOST:PORT, as \"localhost:9092\"", broker.trim()));
            }
        }
    }
    text
}

fn inbox(check: &mut Check, config: &Config) -> InboxPlace {
    let text = check.required(
        "inbox",
        config.inbox.as_deref(),
        "where handled events are remembered: \"sqlite:PATH\", \"postgres://…\", or \"memory\" for tests",
    );
    let mut place = InboxPlace::Memory;
    if check.fine("inbox") {
        check.text("", "inbox", Some(&text), source::inbox, &mut place);
    }
    place
}

fn telemetry(check: &mut Check, written: Option<&raw::Telemetry>) -> TelemetrySettings {
    let mut settings = TelemetrySettings::default();
    let mut address = None;
    check.text(
        "telemetry",
        "listen",
        written.and_then(|table| table.listen.as_deref()),
        |text| source::listen(text).map(Some),
        &mut address,
    );
    settings.listen = address;
    let mut collector = None;
    let written_url = written.and_then(|table| table.otlp.as_deref());
    check.text("telemetry", "otlp", written_url, |text| source::collector(text).map(Some), &mut collector);
    settings.otlp = collector;
    settings.traces = written.and_then(|table| table.traces).unwrap_or_default();
    settings
}

fn reset(check: &mut Check, written: Option<raw::OffsetReset>) -> OffsetReset {
    match written {
        Some(raw::OffsetReset::Earliest) => OffsetReset::Earliest,
        Some(raw::OffsetReset::Latest) => OffsetReset::Latest,
        Some(raw::OffsetReset::Error) => OffsetReset::Error,
        None => {
            check.refuse(
                "auto_offset_reset",
                "is missing: where a group without a committed offset starts. Each choice is wrong for somebody, so it is yours: \"earliest\" may handle years of history, \"latest\" skips what came before, \"error\" refuses the partition",
            );
            OffsetReset::Error
        }
    }
}

fn named_topic(check: &mut Check, name: &str, table: &raw::Topic, defaults: &TopicRules) -> TopicRules {
    let path = join("topics", name);
    if Pattern::is_one(name) {
        if let Err(message) = Pattern::new(name) {
            check.refuse(path.as_str(), message);
        }
        return topic::rules(check, &path, table, defaults);
    }
    let legal = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if name.is_empty() || name.len() > 249 || !legal || name == "." || name == ".." {
        check.refuse(
            path.as_str(),
            "is not the name of a topic: 1 to 249 letters, digits, '.', '_' and '-'; a regular expression begins with '^'",
        );
    }
    topic::rules(check, &path, table, defaults)
}

fn kafka(check: &mut Check, written: &raw::Kafka) -> KafkaProperties {
    let mut properties = BTreeMap::new();
    for (name, value) in &written.0 {
        let path = join("kafka", name);
        if let Some(ours) = owned().iter().find(|ours| ours.name == name) {
            check.refuse(path, format!("is set by Onceward: {}", ours.reason));
        } else if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')) {
            check.refuse(path, "is not the name of a librdkafka property; they are written as \"fetch.wait.max.ms\"");
        } else if let Some(meant) = nearest(name, owned().iter().map(|ours| ours.name)).filter(|meant| meant.replace('.', "_") == *name) {
            check.refuse(path, format!("is not the name of a librdkafka property; they are written with dots, as {meant:?}"));
        } else if let Err(message) = secret::check(&value.to_string()) {
            check.refuse(path, message);
        } else {
            properties.insert(name.clone(), value.to_string());
        }
    }
    KafkaProperties(properties)
}
