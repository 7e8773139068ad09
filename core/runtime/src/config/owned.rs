//! The librdkafka properties that Onceward sets itself, each with the reason why nobody else may.

/// Name, and what to know or to write instead. Aliases of librdkafka stand beside the names that they mean.
pub const OWNED: &[(&str, &str)] = &[
    ("bootstrap.servers", "write it as `brokers`"),
    ("metadata.broker.list", "write it as `brokers`"),
    ("group.id", "write it as `group`: it is part of every event's identity and of the names of the companion topics"),
    ("group.instance.id", "write it as `instance_id`"),
    ("client.id", "write it as `client_id`"),
    (
        "auto.offset.reset",
        "write it as `auto_offset_reset`: the client itself must report a missing offset instead of jumping over records",
    ),
    ("enable.auto.commit", "an offset is committed only behind finished work, never by a timer in the client"),
    ("auto.commit.enable", "an offset is committed only behind finished work, never by a timer in the client"),
    ("auto.commit.interval.ms", "the client never commits by itself; `commit_interval` says how often Onceward does"),
    ("enable.auto.offset.store", "the client would store an offset when it hands a record out, which is before the record is handled"),
    ("offset.store.method", "offsets live in the group, where other tools see them"),
    ("enable.partition.eof", "the end of a partition is how `run until end` and idle commits know that they are done"),
    ("partition.assignment.strategy", "cooperative-sticky, so that a rebalance takes only the partitions that move"),
    ("group.protocol", "classic, until the client library follows brokers that reject a slow member"),
    ("enable.idempotence", "dead letters and publishes must not be doubled or reordered by a retry of the client"),
    ("acks", "a dead letter counts only when all in-sync replicas have it"),
    ("request.required.acks", "a dead letter counts only when all in-sync replicas have it"),
    ("linger.ms", "a letter on its way holds its lane's offset back; letters are pipelined instead of delayed"),
    ("queue.buffering.max.ms", "a letter on its way holds its lane's offset back; letters are pipelined instead of delayed"),
    ("message.timeout.ms", "Onceward itself retries a letter for ever, and must see a failure in time to say so"),
    ("delivery.timeout.ms", "Onceward itself retries a letter for ever, and must see a failure in time to say so"),
    ("transactional.id", "Onceward is once from end to end by event ids, without Kafka transactions"),
    ("log.queue", "the client's log lines join the structured log"),
    ("opaque", "it is a pointer, which has no place in a configuration"),
];

/// Why a property may not be set, if it is one of ours.
#[must_use]
pub fn owned(property: &str) -> Option<&'static str> {
    OWNED.iter().find(|(name, _)| *name == property).map(|(_, reason)| *reason)
}
