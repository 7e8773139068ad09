//! Names of what is sent over OTLP, in one place: OpenTelemetry's messaging conventions are not stable yet, so a rename must be one edit.
//! Golden in `core/runtime/tests/otlp`; for readers in `docs/reference/metrics.md`.
#![cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "the Prometheus text needs few of them"))]

/// Attributes of the messaging conventions 1.44.
pub(crate) mod attribute {
    pub(crate) const SYSTEM: &str = "messaging.system";
    pub(crate) const OPERATION_NAME: &str = "messaging.operation.name";
    pub(crate) const OPERATION_TYPE: &str = "messaging.operation.type";
    pub(crate) const DESTINATION: &str = "messaging.destination.name";
    pub(crate) const PARTITION: &str = "messaging.destination.partition.id";
    pub(crate) const GROUP: &str = "messaging.consumer.group.name";
    pub(crate) const OFFSET: &str = "messaging.kafka.offset";
    pub(crate) const TOMBSTONE: &str = "messaging.kafka.message.tombstone";
    pub(crate) const EVENT_ID: &str = "messaging.message.id";
    pub(crate) const CORRELATION_ID: &str = "messaging.message.conversation_id";
    pub(crate) const ERROR_TYPE: &str = "error.type";
    /// How an attempt ended (`done`, `retry`, `reject`, `cancelled`), or an event (`handled`, `dead_letter`, `abandoned`).
    pub(crate) const OUTCOME: &str = "onceward.outcome";
    /// The number of an attempt, or how many there were.
    pub(crate) const ATTEMPT: &str = "onceward.attempt";
    /// Why something is a dead letter, or why nothing new is handled.
    pub(crate) const REASON: &str = "onceward.reason";
}

/// Metrics of the messaging conventions; ours are named beside their readings.
pub(crate) mod metric {
    pub(crate) const PROCESS_DURATION: &str = "messaging.process.duration";
    pub(crate) const CONSUMED: &str = "messaging.client.consumed.messages";
}

pub(crate) const SYSTEM: &str = "kafka";
/// Handling of one event.
pub(crate) const PROCESS: &str = "process";
/// One handler call.
pub(crate) const ATTEMPT: &str = "attempt";
/// Taking records from the broker.
pub(crate) const POLL: &str = "poll";
/// The instrumentation scope.
pub(crate) const SCOPE: &str = "onceward";
