//! How other stacks write what a dead letter says: which header means what, and in which form.

use crate::wire::{foreign, letter, spring};

/// Who wrote a letter's headers. In the order in which they are believed where a record carries several: the order is that of how surely
/// a header is of the last hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// This project.
    Onceward,
    /// Spring Kafka's `DeadLetterPublishingRecoverer`.
    Spring,
    /// Spring Kafka's retry topics.
    SpringRetry,
    /// A share group of Kafka.
    ShareGroup,
    /// Kafka Streams.
    Streams,
    /// Kafka Connect.
    Connect,
    /// SmallRye Reactive Messaging (Quarkus).
    SmallRye,
}

/// What a header says. Only those that some other dialect has, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Group,
    ErrorType,
    Cause,
    Message,
    Stack,
    Attempts,
    /// The number of the next attempt.
    NextAttempt,
    /// It belongs to the dialect and is of no use here.
    Other,
}

/// The dialect of a header's name, and what the header says. `None`: the record's own, or one that Onceward alone has.
pub(super) fn meaning(name: &str) -> Option<(Dialect, Field)> {
    use Dialect::{Connect, ShareGroup, SmallRye, Spring, SpringRetry, Streams};
    let found = match name {
        spring::TOPIC => (Spring, Field::Topic),
        spring::PARTITION => (Spring, Field::Partition),
        spring::OFFSET => (Spring, Field::Offset),
        spring::TIMESTAMP => (Spring, Field::Timestamp),
        spring::GROUP => (Spring, Field::Group),
        spring::FQCN => (Spring, Field::ErrorType),
        foreign::SPRING_CAUSE => (Spring, Field::Cause),
        spring::MESSAGE => (Spring, Field::Message),
        spring::STACKTRACE => (Spring, Field::Stack),
        _ => {
            if let Some(rest) = name.strip_prefix(foreign::SPRING_KEY) {
                (Spring, failure(rest))
            } else if name.starts_with("kafka_dlt-") || name.starts_with(foreign::SPRING_DESERIALIZER) {
                (Spring, Field::Other)
            } else if let Some(rest) = name.strip_prefix(foreign::RETRY_ORIGINAL) {
                (SpringRetry, origin(rest))
            } else if let Some(rest) = name.strip_prefix(foreign::RETRY_EXCEPTION) {
                (SpringRetry, failure(rest))
            } else if let Some(rest) = name.strip_prefix(foreign::RETRY_TOPIC) {
                (SpringRetry, if rest == "attempts" { Field::NextAttempt } else { Field::Other })
            } else if let Some(rest) = name.strip_prefix(foreign::CONNECT) {
                let field = match rest {
                    "connector.name" => Field::Group,
                    "exception.class.name" => Field::ErrorType,
                    "exception.message" => Field::Message,
                    "exception.stacktrace" => Field::Stack,
                    rest => origin(rest),
                };
                (Connect, field)
            } else if let Some(rest) = name.strip_prefix(foreign::STREAMS) {
                let field = match rest {
                    "exception" => Field::ErrorType,
                    "message" => Field::Message,
                    "stacktrace" => Field::Stack,
                    rest => origin(rest),
                };
                (Streams, field)
            } else if let Some(rest) = name.strip_prefix(foreign::SHARE) {
                let field = match rest {
                    "group" => Field::Group,
                    "delivery.count" => Field::Attempts,
                    "message" => Field::Message,
                    rest => origin(rest),
                };
                (ShareGroup, field)
            } else if let Some(rest) = name.strip_prefix(foreign::SMALLRYE) {
                let field = match rest {
                    "reason" => Field::Message,
                    "exception-class-name" => Field::ErrorType,
                    "cause-class-name" => Field::Cause,
                    "topic" | "partition" | "offset" => origin(rest),
                    "cause" => Field::Other,
                    // A header of that beginning that SmallRye does not write is somebody's own.
                    _ => return None,
                };
                (SmallRye, field)
            } else if name.starts_with(foreign::SMALLRYE_DECODING) || name.starts_with(foreign::SMALLRYE_RETRY) {
                (SmallRye, Field::Other)
            } else {
                return None;
            }
        }
    };
    Some(found)
}

fn origin(rest: &str) -> Field {
    match rest {
        "topic" => Field::Topic,
        "partition" => Field::Partition,
        "offset" => Field::Offset,
        "timestamp" => Field::Timestamp,
        _ => Field::Other,
    }
}

fn failure(rest: &str) -> Field {
    match rest {
        "fqcn" => Field::ErrorType,
        "cause-fqcn" => Field::Cause,
        "message" => Field::Message,
        "stacktrace" => Field::Stack,
        _ => Field::Other,
    }
}

/// Headers that Onceward alone writes on a letter. `onceward-id` is not among them: it belongs to the event.
pub(super) const OURS: [&str; 10] = [
    letter::ID,
    letter::REASON,
    letter::EVENT_ID,
    letter::CORRELATION_ID,
    letter::ATTEMPTS,
    letter::FIRST_FAILED_AT,
    letter::LAST_FAILED_AT,
    letter::FINGERPRINT,
    letter::HELD_BEHIND,
    letter::REPLAYS,
];

/// Whether dead-lettering put a header of this name on a record, in any dialect. The others are the record's own.
#[must_use]
pub fn is_of_letter(name: &[u8]) -> bool {
    std::str::from_utf8(name).is_ok_and(|name| OURS.contains(&name) || meaning(name).is_some())
}

impl Dialect {
    /// How it is called in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Onceward => "onceward",
            Self::Spring => "spring",
            Self::SpringRetry => "spring_retry",
            Self::ShareGroup => "share_group",
            Self::Streams => "streams",
            Self::Connect => "connect",
            Self::SmallRye => "small_rye",
        }
    }

    /// Whether its numbers are big-endian bytes; the others write decimal text.
    pub(super) fn is_binary(self) -> bool {
        matches!(self, Self::Onceward | Self::Spring | Self::SpringRetry)
    }
}
