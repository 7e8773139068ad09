//! Settings written out in full, the inverse of validation.

use super::raw::{Alerts, Config, Credit, DeadLetter, GroupCommit, Kafka, OffsetReset, Scalar, Telemetry, Webhook};
use super::settings::{Settings, TelemetrySettings};
use super::{source, topic};
use crate::kafka;

pub(super) fn effective(settings: &Settings) -> Config {
    Config {
        brokers: Some(settings.brokers.clone()),
        group: Some(settings.group.clone()),
        inbox: Some(source::write_inbox(&settings.inbox)),
        auto_offset_reset: Some(match settings.auto_offset_reset {
            kafka::OffsetReset::Earliest => OffsetReset::Earliest,
            kafka::OffsetReset::Latest => OffsetReset::Latest,
            kafka::OffsetReset::Error => OffsetReset::Error,
        }),
        migrations: settings.migrations.as_ref().map(|folder| folder.display().to_string()),
        setup_sql: Some(settings.setup_sql.clone()),
        fatal_constraints: Some(settings.fatal_constraints),
        concurrency: Some(settings.concurrency),
        crash_limit: Some(settings.crash_limit),
        credit: Some(Credit { records: Some(settings.credit.records), bytes: Some(settings.credit.bytes.into()) }),
        group_commit: Some(GroupCommit {
            wait: Some(settings.group_commit.wait.into()),
            size: u32::try_from(settings.group_commit.size).ok(),
        }),
        commit_interval: Some(settings.commit_interval.into()),
        drain_deadline: Some(settings.drain_deadline.into()),
        retention: Some(settings.retention.into()),
        filter_memory: Some(settings.filter_memory.into()),
        dead_letter: Some(DeadLetter {
            topic: Some(settings.dead_letter.topic.clone()),
            ledger: Some(settings.dead_letter.ledger.clone()),
            replay: Some(settings.dead_letter.replay),
        }),
        create_topics: Some(settings.create_topics),
        correlation_header: Some(settings.correlation_header.clone()),
        instance_id: settings.instance_id.clone(),
        client_id: Some(settings.client_id.clone()),
        defaults: Some(topic::write(&settings.defaults)),
        topics: settings.topics.iter().map(|(name, rules)| (name.clone(), topic::write(rules))).collect(),
        telemetry: (settings.telemetry != TelemetrySettings::default()).then(|| Telemetry {
            listen: settings.telemetry.listen.map(|address| address.to_string()),
            otlp: settings.telemetry.otlp.clone(),
            traces: Some(settings.telemetry.traces),
        }),
        alerts: settings.webhook.as_ref().map(|webhook| Alerts {
            webhook: Some(Webhook { url: Some(webhook.url.clone()), secret: webhook.secret.clone(), every: Some(webhook.every.into()) }),
        }),
        registry: settings.registry.as_ref().map(super::registry::RegistrySettings::write),
        kafka: Kafka(settings.kafka.0.iter().map(|(name, value)| (name.clone(), Scalar::Text(value.clone()))).collect()),
    }
}
