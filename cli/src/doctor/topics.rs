//! The source topics: there, led, and within the limits of this configuration.

use std::time::Duration;

use onceward::config::{Settings, format_duration};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use super::cluster::Cluster;
use super::finding::{Diagnosis, Finding};

pub(super) fn examine(cluster: &Cluster, settings: &Settings, sources: &[String], diagnosis: &mut Diagnosis) {
    if sources.is_empty() {
        let cure = "name them with --topic, or with tables [topics.NAME]";
        diagnosis.add(Finding::warn("topic", settings.group.as_str(), "no source topic is named, so none was checked", cure));
    }
    for source in sources {
        let topic = cluster.metadata().topics().iter().find(|topic| topic.name() == source);
        let partitions = match topic.map(state) {
            Some(Ok(partitions)) => partitions,
            Some(Err((message, cure))) => {
                diagnosis.add(Finding::fail("topic", source.as_str(), message, cure));
                continue;
            }
            None => {
                let cure = "create it or correct its name, or give this user READ and DESCRIBE on it";
                diagnosis.add(Finding::fail("topic", source.as_str(), "does not exist, or this user may not see it", cure));
                continue;
            }
        };
        diagnosis.add(Finding::ok("topic", source.as_str(), format!("{partitions} partition{}", if partitions == 1 { "" } else { "s" })));
        limits(cluster, settings, source, diagnosis);
    }
}

/// The number of partitions, or what is wrong and its cure.
fn state(topic: &MetadataTopic) -> Result<usize, (String, &'static str)> {
    match topic.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            return Err(("this user may not see it".to_owned(), "give this user READ and DESCRIBE on the topic"));
        }
        Some(code) => return Err((code.to_string(), "create the topic or correct its name")),
    }
    let leaderless: Vec<String> =
        topic.partitions().iter().filter(|partition| partition.leader() < 0).map(|partition| partition.id().to_string()).collect();
    if !leaderless.is_empty() {
        return Err((format!("partitions without a leader: {}", leaderless.join(", ")), "bring the brokers that hold them back"));
    }
    Ok(topic.partitions().len())
}

fn limits(cluster: &Cluster, settings: &Settings, source: &str, diagnosis: &mut Diagnosis) {
    let config = match cluster.topic_config(source) {
        Ok(config) => config,
        Err(why) => {
            let cure = "size limits and retention were not checked; the right DESCRIBE_CONFIGS on the topic lets the doctor see them";
            diagnosis.add(Finding::warn("rights", source, format!("its configuration can't be read: {why}"), cure));
            return;
        }
    };
    let number = |name: &str| config.get(name).and_then(|value| value.parse::<i64>().ok());
    if let Some(size) = number("max.message.bytes").and_then(|size| u64::try_from(size).ok()) {
        diagnosis.add(if size > settings.credit.bytes {
            let message = format!("records may have {size} bytes, more than credit.bytes ({})", settings.credit.bytes);
            Finding::warn("size", source, message, "such a record is handled alone; raise credit.bytes so that it does not stop the others")
        } else {
            Finding::ok("size", source, format!("records of up to {size} bytes fit into credit.bytes"))
        });
    }
    if !config.get("cleanup.policy").is_none_or(|policy| policy.contains("delete")) {
        return; // A compacted topic keeps the last record of each key for ever; nobody rewinds it to hear old events again.
    }
    let kept = number("retention.ms").and_then(|kept| u64::try_from(kept).ok()).map(Duration::from_millis);
    let remembered = format_duration(settings.retention);
    diagnosis.add(match kept {
        Some(kept) if kept <= settings.retention => Finding::ok(
            "retention",
            source,
            format!("handled events are remembered for {remembered}, at least as long as records are kept"),
        ),
        kept => {
            let kept = kept.map_or_else(|| "for ever".to_owned(), |kept| format!("for {}", format_duration(kept)));
            let message = format!("records are kept {kept}, handled events are remembered for {remembered}");
            Finding::warn(
                "retention",
                source,
                message,
                "a rewind further back than that handles events again; raise `retention` if that must not happen",
            )
        }
    });
}
