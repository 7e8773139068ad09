//! The one table of client properties that we set: with what, and why. Some are ours alone, others are defaults that a user may change.

use Client::{Consumer, Either, Producer};

/// A client property, its value and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// librdkafka's name.
    pub name: &'static str,
    /// What we set; `None` where a setting of ours decides, or where it is left alone.
    pub value: Option<&'static str>,
    /// Which client gets it.
    pub client: Client,
    /// Why, and what to write instead where there is something to write.
    pub reason: &'static str,
}

/// Which client a property concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The one that reads.
    Consumer,
    /// The one that writes letters and publishes.
    Producer,
    /// Both.
    Either,
}

const fn set(client: Client, name: &'static str, value: &'static str, reason: &'static str) -> Property {
    Property { name, value: Some(value), client, reason }
}

const fn refused(name: &'static str, reason: &'static str) -> Property {
    Property { name, value: None, client: Either, reason }
}

const ALL_REPLICAS: &str = "a dead letter counts only when all in-sync replicas have it";
const NEVER_BY_TIMER: &str = "an offset is committed only behind finished work, never by a timer in the client";

/// Properties that nobody else may set: the promises rest on them. Old names stand beside the ones that they mean.
const OWNED: &[Property] = &[
    refused("bootstrap.servers", "write it as `brokers`"),
    refused("metadata.broker.list", "write it as `brokers`"),
    refused("group.id", "write it as `group`: it is part of every event's identity and of the names of the companion topics"),
    refused("group.instance.id", "write it as `instance_id`"),
    refused("client.id", "write it as `client_id`"),
    set(
        Consumer,
        "auto.offset.reset",
        "error",
        "write it as `auto_offset_reset`: the client itself must report a missing offset instead of jumping over records",
    ),
    set(Consumer, "enable.auto.commit", "false", NEVER_BY_TIMER),
    refused("auto.commit.enable", NEVER_BY_TIMER),
    refused("auto.commit.interval.ms", "the client never commits by itself; `commit_interval` says how often Onceward does"),
    set(
        Consumer,
        "enable.auto.offset.store",
        "false",
        "the client would store an offset when it hands a record out, which is before the record is handled",
    ),
    refused("offset.store.method", "offsets live in the group, where other tools see them"),
    set(Consumer, "enable.partition.eof", "true", "the end of a partition is how `run until end` and idle commits know that they are done"),
    set(
        Consumer,
        "partition.assignment.strategy",
        "cooperative-sticky",
        "cooperative-sticky, so that a rebalance takes only the partitions that move",
    ),
    set(Consumer, "group.protocol", "classic", "classic, until the client library follows brokers that reject a slow member"),
    set(Producer, "enable.idempotence", "true", "dead letters and publishes must not be doubled or reordered by a retry of the client"),
    set(Producer, "acks", "all", ALL_REPLICAS),
    refused("request.required.acks", ALL_REPLICAS),
    refused("transactional.id", "Onceward is once from end to end by event ids, without Kafka transactions"),
    refused("log.queue", "the client's log lines join the structured log"),
    refused("opaque", "it is a pointer, which has no place in a configuration"),
];

/// What a user may change under `kafka.*`.
const DEFAULTS: &[Property] = &[
    set(Consumer, "fetch.queue.backoff.ms", "2", "at librdkafka's 1,000 a full local queue stops a partition for a second"),
    set(Consumer, "queued.max.messages.kbytes", "16384", "prefetched records count towards the memory that a consumer is given"),
    set(Consumer, "allow.auto.create.topics", "false", "a misspelt topic should be an error and not a new topic"),
    set(Consumer, "isolation.level", "read_committed", "records of aborted transactions are no events"),
    set(Producer, "partitioner", "murmur2_random", "the same key must go where Java producers send it"),
    set(Producer, "linger.ms", "0", "a letter on its way holds an offset back; letters are pipelined instead of delayed"),
    set(Producer, "message.timeout.ms", "30000", "a refusal should be seen soon; the retries after it are Onceward's"),
    set(Producer, "message.max.bytes", "67108864", "the broker decides what is too large, not the client"),
    set(Either, "socket.keepalive.enable", "true", "idle connections die silently behind load balancers"),
    set(Either, "ssl.ca.location", "probe", "the vendored OpenSSL looks where no distribution keeps its certificates"),
];

/// Properties that users may not set.
#[must_use]
pub fn owned() -> &'static [Property] {
    OWNED
}

/// Properties that have another default here than in librdkafka, and that users may set.
#[must_use]
pub fn defaults() -> &'static [Property] {
    DEFAULTS
}

/// Other names of properties above. A client that is given both would take either.
const ALIASES: &[(&str, &str)] = &[("queue.buffering.max.ms", "linger.ms"), ("delivery.timeout.ms", "message.timeout.ms")];

/// The name by which a property is known here.
pub(super) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, meant)| meant)
}
