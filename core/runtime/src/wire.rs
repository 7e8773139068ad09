//! Names on the wire, in one place: headers, companion topics. Golden vectors: `tests/golden/headers.json`.

/// The identity that every publish carries.
pub const ID: &str = "onceward-id";
/// Correlation id as written by default.
pub const CORRELATION_ID: &str = "correlation-id";
/// The id of the event that caused this one.
pub const CAUSATION_ID: &str = "causation-id";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";
/// What vendors add to it.
pub const TRACESTATE: &str = "tracestate";
/// Where a correlation id is looked for, in this order.
pub const CORRELATION_IN: [&str; 4] = ["ce_correlationid", "correlation_id", "correlation-id", "x-correlation-id"];

/// Headers of a dead letter: Spring's, so that existing tools read them. Numbers are big-endian binary.
pub mod spring {
    /// UTF-8.
    pub const TOPIC: &str = "kafka_dlt-original-topic";
    /// 4 bytes.
    pub const PARTITION: &str = "kafka_dlt-original-partition";
    /// 8 bytes.
    pub const OFFSET: &str = "kafka_dlt-original-offset";
    /// 8 bytes, milliseconds since 1970.
    pub const TIMESTAMP: &str = "kafka_dlt-original-timestamp";
    /// `CreateTime`, `LogAppendTime` or `NoTimestampType`.
    pub const TIMESTAMP_TYPE: &str = "kafka_dlt-original-timestamp-type";
    /// UTF-8.
    pub const GROUP: &str = "kafka_dlt-original-consumer-group";
    /// The error's type.
    pub const FQCN: &str = "kafka_dlt-exception-fqcn";
    /// The error's text.
    pub const MESSAGE: &str = "kafka_dlt-exception-message";
    /// The error's chain or stack, capped.
    pub const STACKTRACE: &str = "kafka_dlt-exception-stacktrace";
}

/// Headers of a dead letter: ours, all text.
pub mod letter {
    /// Derived from group and coordinates: the same for every copy of one letter.
    pub const ID: &str = "onceward-letter-id";
    /// `exhausted`, `rejected`, `undecodable`, `invalid`, `crashed`, `held-behind` or `conflict`.
    pub const REASON: &str = "onceward-reason";
    /// The event's id as the producer wrote it, or its coordinates.
    pub const EVENT_ID: &str = "onceward-event-id";
    /// The correlation id.
    pub const CORRELATION_ID: &str = "onceward-correlation-id";
    /// Attempts made.
    pub const ATTEMPTS: &str = "onceward-attempts";
    /// RFC 3339, UTC, milliseconds.
    pub const FIRST_FAILED_AT: &str = "onceward-first-failed-at";
    /// RFC 3339, UTC, milliseconds.
    pub const LAST_FAILED_AT: &str = "onceward-last-failed-at";
    /// Groups letters with one cause.
    pub const FINGERPRINT: &str = "onceward-fingerprint";
    /// Letter id of the letter that this follower waits for.
    pub const HELD_BEHIND: &str = "onceward-held-behind";
    /// Replays so far.
    pub const REPLAYS: &str = "onceward-replays";
}

/// Headers that other stacks put on their dead letters: read, and never written.
pub mod foreign {
    /// Spring: the type of the cause; the outer one is usually a wrapper.
    pub const SPRING_CAUSE: &str = "kafka_dlt-exception-cause-fqcn";
    /// Spring: written where the key could not be read, with `fqcn`, `message` and `stacktrace` behind it.
    pub const SPRING_KEY: &str = "kafka_dlt-key-exception-";
    /// Spring's retry topics: origin, with `topic`, `partition`, `offset`, `timestamp` and `timestamp-type` behind it. Binary numbers.
    pub const RETRY_ORIGINAL: &str = "kafka_original-";
    /// Spring's retry topics: failure, with `fqcn`, `cause-fqcn`, `message` and `stacktrace` behind it.
    pub const RETRY_EXCEPTION: &str = "kafka_exception-";
    /// Spring's retry topics: the number of the next attempt, 4 bytes or 1, and moments.
    pub const RETRY_TOPIC: &str = "retry_topic-";
    /// Spring: failures to decode, as Java objects. Never read.
    pub const SPRING_DESERIALIZER: &str = "springDeserializerException";
    /// Kafka Connect, all text.
    pub const CONNECT: &str = "__connect.errors.";
    /// Kafka Streams since 4.2, all text.
    pub const STREAMS: &str = "__streams.errors.";
    /// Share groups since 4.4, all text.
    pub const SHARE: &str = "__dlq.errors.";
    /// SmallRye (Quarkus), all text.
    pub const SMALLRYE: &str = "dead-letter-";
    /// SmallRye: failures to decode.
    pub const SMALLRYE_DECODING: &str = "deserialization-failure-";
    /// SmallRye: its retry topics.
    pub const SMALLRYE_RETRY: &str = "delayed-retry-";
}
