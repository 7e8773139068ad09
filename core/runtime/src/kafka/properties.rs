//! The client properties that we set, and why: some are ours alone, others are defaults that a user may change.

/// A client property, its value and the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// librdkafka's name.
    pub name: &'static str,
    /// What we set; `None` where another setting of ours decides.
    pub value: Option<&'static str>,
    /// Why, as the end of a sentence that begins with the name.
    pub reason: &'static str,
}

const fn fixed(name: &'static str, value: &'static str, reason: &'static str) -> Property {
    Property { name, value: Some(value), reason }
}

const fn elsewhere(name: &'static str, reason: &'static str) -> Property {
    Property { name, value: None, reason }
}

/// Properties that nobody else may set: the promises rest on them.
const OWNED: &[Property] = &[
    fixed("enable.auto.commit", "false", "is ours: an offset is committed when everything before it is resolved, never by a timer"),
    fixed("enable.auto.offset.store", "false", "is ours: an offset that was delivered is not an offset that was handled"),
    fixed("auto.offset.reset", "error", "is ours, so that deleted offsets are seen and reported; set `auto_offset_reset` instead"),
    fixed("enable.partition.eof", "true", "is ours: `caught up` and idle commits are read from it"),
    fixed("partition.assignment.strategy", "cooperative-sticky", "is ours: a rebalance must not stop partitions that stay"),
    fixed("group.protocol", "classic", "is ours until the client library follows brokers that reject a slow member"),
    elsewhere("group.id", "is set by `group`"),
    elsewhere("bootstrap.servers", "is set by `brokers`"),
    elsewhere("metadata.broker.list", "is an old name of `bootstrap.servers`, which is set by `brokers`"),
    elsewhere("enable.idempotence", "is ours: a dead letter that is sent twice by the client would be two letters"),
    elsewhere("acks", "is ours: a letter counts when all in-sync replicas have it"),
    elsewhere("request.required.acks", "is an old name of `acks`, which is ours: a letter counts when all in-sync replicas have it"),
    elsewhere("transactional.id", "is not used: the inbox is what makes handling happen once"),
    elsewhere("log.queue", "is ours: the client's log lines join the structured log"),
    elsewhere("opaque", "is a pointer, which has no place in a configuration"),
];

/// Consumer defaults that a user may change under `kafka.*`.
const CONSUMER_DEFAULTS: &[Property] = &[
    fixed("fetch.queue.backoff.ms", "2", "at librdkafka's 1,000 a full local queue stops a partition for a second"),
    fixed("queued.max.messages.kbytes", "16384", "prefetched records count towards the memory a consumer is given"),
    fixed("allow.auto.create.topics", "false", "a misspelt topic should be an error and not a new topic"),
    fixed("isolation.level", "read_committed", "records of aborted transactions are no events"),
    fixed("socket.keepalive.enable", "true", "idle connections die silently behind load balancers"),
    fixed("ssl.ca.location", "probe", "the vendored OpenSSL looks where no distribution keeps its certificates"),
];

/// Producer defaults that a user may change under `kafka.*`, except the owned ones.
const PRODUCER: &[Property] = &[
    fixed("enable.idempotence", "true", "a retry inside the client must not write a letter twice"),
    fixed("acks", "all", "a letter counts when all in-sync replicas have it"),
    fixed("partitioner", "murmur2_random", "the same key must go where Java producers send it"),
    fixed("linger.ms", "0", "letters are pipelined, waiting only delays them"),
    fixed("message.timeout.ms", "30000", "a refusal should be seen soon; the retries after it are ours"),
    fixed("message.max.bytes", "67108864", "the broker decides what is too large, not the client"),
    fixed("socket.keepalive.enable", "true", "idle connections die silently behind load balancers"),
    fixed("ssl.ca.location", "probe", "the vendored OpenSSL looks where no distribution keeps its certificates"),
];

/// Properties that only a consumer understands: dropped from a producer's configuration, where librdkafka would warn about each.
const CONSUMER_ONLY: &[&str] = &[
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "max.poll.interval.ms",
    "partition.assignment.strategy",
    "enable.auto.commit",
    "auto.commit.interval.ms",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
    "isolation.level",
    "check.crcs",
    "allow.auto.create.topics",
    "client.rack",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "coordinator.query.interval.ms",
];

/// Properties that users may not set, with the reason that follows the name in a message.
#[must_use]
pub fn owned() -> &'static [Property] {
    OWNED
}

/// A consumer's complete properties: our defaults, then the user's, then the ones we own.
#[must_use]
pub fn consumer(brokers: &str, group: &str, user: &[(String, String)]) -> Vec<(String, String)> {
    let mut properties = layered(CONSUMER_DEFAULTS, user);
    for property in OWNED {
        // `enable.idempotence` and the like carry no value here: they belong to the producer.
        if let Some(value) = property.value {
            set(&mut properties, property.name, value);
        }
    }
    set(&mut properties, "bootstrap.servers", brokers);
    set(&mut properties, "group.id", group);
    properties
}

/// A producer's complete properties: our defaults, then what the user set that concerns a producer, then the ones we own.
#[must_use]
pub fn producer(brokers: &str, user: &[(String, String)]) -> Vec<(String, String)> {
    let concerned = user.iter().filter(|(name, _)| !CONSUMER_ONLY.contains(&name.as_str()) && !name.starts_with("fetch."));
    let mut properties = layered(PRODUCER, &concerned.cloned().collect::<Vec<_>>());
    set(&mut properties, "enable.idempotence", "true");
    set(&mut properties, "acks", "all");
    set(&mut properties, "bootstrap.servers", brokers);
    properties
}

fn layered(defaults: &[Property], user: &[(String, String)]) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    for property in defaults {
        if let Some(value) = property.value {
            set(&mut properties, property.name, value);
        }
    }
    for (name, value) in user {
        set(&mut properties, name, value);
    }
    properties
}

fn set(properties: &mut Vec<(String, String)>, name: &str, value: &str) {
    match properties.iter_mut().find(|(existing, _)| existing == name) {
        Some((_, existing)) => value.clone_into(existing),
        None => properties.push((name.to_owned(), value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    fn value<'a>(properties: &'a [(String, String)], name: &str) -> Option<&'a str> {
        properties.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn users_change_defaults_but_not_what_is_ours() {
        let user = [("fetch.queue.backoff.ms", "7"), ("enable.auto.commit", "true"), ("session.timeout.ms", "6000")];
        let user: Vec<(String, String)> = user.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let consumer = consumer("here:9092", "billing", &user);
        assert_eq!(value(&consumer, "fetch.queue.backoff.ms"), Some("7"));
        assert_eq!(value(&consumer, "enable.auto.commit"), Some("false"));
        assert_eq!(value(&consumer, "session.timeout.ms"), Some("6000"));
        assert_eq!(value(&consumer, "group.id"), Some("billing"));
        let producer = producer("here:9092", &user);
        assert_eq!(value(&producer, "session.timeout.ms"), None);
        assert_eq!(value(&producer, "acks"), Some("all"));
    }

    #[test]
    fn every_owned_property_says_why() {
        assert!(owned().iter().all(|property| property.reason.starts_with("is ")));
    }
}
