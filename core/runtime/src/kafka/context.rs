//! What librdkafka tells its host: log lines, joined to the structured log.

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Statistics};

/// The host of a consumer. Rebalances and commits are read as events from the queue, see [`super::sys`]; the callbacks of the wrapper run
/// only while a consumer that was left behind is destroyed, where its defaults (give everything back) are right.
pub(crate) struct Context;

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log(level as i32, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, _: KafkaError, _: &str) {
        // Errors are read from the queue, with the topic they are about.
    }
}

impl ConsumerContext for Context {}

/// Writes one of librdkafka's log lines; its levels are syslog's.
pub(crate) fn log(level: i32, facility: &str, line: &str) {
    match level {
        ..=3 => tracing::warn!(target: "librdkafka", facility, "{line}"),
        4 | 5 => tracing::info!(target: "librdkafka", facility, "{line}"),
        _ => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}
