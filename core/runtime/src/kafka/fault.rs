//! librdkafka's error codes, in words that name the cure.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::diagnose::{CREDENTIALS, diagnose};
use crate::Error;

/// What an error means for the consumer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing answers; librdkafka goes on trying.
    Down,
    /// The position is not in the log.
    OutOfRange,
    /// It can't go on.
    Fatal(Error),
    /// librdkafka recovers by itself; worth a log line.
    Passing,
}

/// Sorts an error. `place` is the topic or the group it is about.
pub(crate) fn sort(code: Code, fatal: bool, reason: &str, place: &str) -> Fault {
    match code {
        Code::AllBrokersDown => return Fault::Down,
        Code::AutoOffsetReset | Code::OffsetOutOfRange => return Fault::OutOfRange,
        Code::TopicAuthorizationFailed => return Fault::Fatal(broker(format!("consuming {place}"), reason, may_read(place))),
        _ => {}
    }
    let diagnosis = diagnose(reason);
    // The token endpoint may be down for a while; the token that we have may outlive that, and a refresh is tried again.
    if diagnosis.is_some_and(|diagnosis| diagnosis.passing) {
        return Fault::Passing;
    }
    match diagnosis.map(|diagnosis| diagnosis.cure).filter(|_| code == Code::Authentication).or_else(|| cure(code)) {
        Some(cure) => Fault::Fatal(broker(format!("consuming {place}"), reason, cure)),
        None if fatal => Fault::Fatal(broker(
            format!("consuming {place}"),
            reason,
            "The client can't recover from this: start the process again, and report it if it comes back",
        )),
        None => Fault::Passing,
    }
}

/// What to grant to a user who may not read a topic.
pub(crate) fn may_read(topic: &str) -> String {
    grant(&format!("READ and DESCRIBE on topic {topic}"), &format!("--operation Read --operation Describe --topic {topic}"))
}

/// What to grant to a user who may not write to a topic.
pub(crate) fn may_write(topic: &str) -> String {
    grant(&format!("WRITE and DESCRIBE on topic {topic}"), &format!("--operation Write --operation Describe --topic {topic}"))
}

/// What to grant to a user who may not see a topic.
pub(crate) fn grant_describe(topic: &str) -> String {
    grant(&format!("DESCRIBE on topic {topic}"), &format!("--operation Describe --topic {topic}"))
}

fn grant(what: &str, how: &str) -> String {
    format!("Give this user {what}: kafka-acls --add --allow-principal User:NAME {how}")
}

/// An [`Error::Broker`].
pub(crate) fn broker(what: impl Into<String>, cause: impl Into<String>, cure: impl Into<String>) -> Error {
    Error::Broker { what: what.into(), cause: cause.into(), cure: cure.into() }
}

/// What to do about an error that does not go away by waiting.
pub(crate) fn cure(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
            "Create the topic (`onceward topics plan` shows what this configuration needs) or correct its name; a missing right to describe it looks the same"
        }
        Code::TopicAuthorizationFailed => "Give this user READ and DESCRIBE on the topic, and WRITE on its dead-letter topic",
        Code::GroupAuthorizationFailed => {
            "Give this user READ on the consumer group: kafka-acls --add --allow-principal User:NAME --operation Read --group GROUP"
        }
        Code::ClusterAuthorizationFailed => "Give this user IDEMPOTENT_WRITE on the cluster (brokers before 2.8 ask for it)",
        Code::InconsistentGroupProtocol => {
            "Another consumer of this group uses another assignment strategy (Onceward uses cooperative-sticky): stop it, or choose a group name of its own"
        }
        Code::FencedInstanceId => "Another member runs with the same `group.instance.id`: give each member its own, or stop the other one",
        Code::InvalidGroupId => "Choose a group name that the broker accepts",
        Code::SaslAuthenticationFailed | Code::Authentication => CREDENTIALS,
        Code::UnsupportedSASLMechanism => "Choose a mechanism that the broker offers under `kafka.sasl.mechanism`",
        Code::InvalidSessionTimeout => "Set `kafka.session.timeout.ms` within the broker's `group.min/max.session.timeout.ms`",
        Code::InvalidTopic => "Correct the topic's name: letters, digits, `.`, `_` and `-`, at most 249 of them",
        _ => return None,
    })
}
