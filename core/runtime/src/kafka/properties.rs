//! A client's complete properties, in layers: our defaults, what the user wrote, what is ours alone.

use super::property::{Client, Property, canonical, defaults, owned};

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

/// And those that only a producer understands.
const PRODUCER_ONLY: &[&str] = &[
    "linger.ms",
    "message.timeout.ms",
    "request.timeout.ms",
    "partitioner",
    "batch.size",
    "batch.num.messages",
    "compression.type",
    "compression.codec",
    "compression.level",
    "retries",
    "message.send.max.retries",
    "queue.buffering.max.messages",
    "queue.buffering.max.kbytes",
    "sticky.partitioning.linger.ms",
];

/// A consumer's complete properties; what the user wrote for the producer is left out.
#[must_use]
pub fn consumer(brokers: &str, group: &str, user: &[(String, String)]) -> Vec<(String, String)> {
    let mut properties = layered(Client::Consumer, brokers, user.iter().filter(|(name, _)| !PRODUCER_ONLY.contains(&canonical(name))));
    set(&mut properties, "group.id", group);
    properties
}

/// A producer's complete properties; what the user wrote for the consumer is left out.
#[must_use]
pub fn producer(brokers: &str, user: &[(String, String)]) -> Vec<(String, String)> {
    let concerned = |(name, _): &&(String, String)| !CONSUMER_ONLY.contains(&name.as_str()) && !name.starts_with("fetch.");
    layered(Client::Producer, brokers, user.iter().filter(concerned))
}

fn layered<'a>(client: Client, brokers: &str, user: impl Iterator<Item = &'a (String, String)>) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    lay(&mut properties, client, defaults());
    for (name, value) in user {
        // librdkafka takes the authority's certificate from one place only; the default gives way.
        if name == "ssl.ca.pem" {
            properties.retain(|(existing, _)| existing != "ssl.ca.location");
        }
        set(&mut properties, canonical(name), value);
    }
    lay(&mut properties, client, owned());
    set(&mut properties, "bootstrap.servers", brokers);
    properties
}

fn lay(properties: &mut Vec<(String, String)>, client: Client, layer: &[Property]) {
    for property in layer.iter().filter(|property| property.client == client || property.client == Client::Either) {
        if let Some(value) = property.value {
            set(properties, property.name, value);
        }
    }
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
    fn another_name_of_a_default_replaces_it() {
        let user = [("queue.buffering.max.ms".to_owned(), "5".to_owned()), ("delivery.timeout.ms".to_owned(), "9000".to_owned())];
        assert_eq!(value(&consumer("here:9092", "billing", &user), "linger.ms"), None, "a consumer would warn about it");
        let producer = producer("here:9092", &user);
        assert_eq!((value(&producer, "linger.ms"), value(&producer, "message.timeout.ms")), (Some("5"), Some("9000")));
        assert_eq!(value(&producer, "queue.buffering.max.ms"), None, "a client that is given both would take either");
    }

    #[test]
    fn a_certificate_in_the_configuration_replaces_the_search_for_one() {
        let user = [("ssl.ca.pem".to_owned(), "-----BEGIN".to_owned())];
        let consumer = consumer("here:9092", "billing", &user);
        assert_eq!((value(&consumer, "ssl.ca.location"), value(&consumer, "ssl.ca.pem")), (None, Some("-----BEGIN")));
    }

    #[test]
    fn no_property_is_both_ours_and_a_default() {
        let mut names: Vec<&str> = owned().iter().chain(defaults()).map(|property| property.name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
