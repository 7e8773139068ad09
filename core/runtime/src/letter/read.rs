//! A letter's headers, read back: ours, and those of the other stacks.

use std::collections::BTreeMap;

use super::dialect::{Dialect, Field, meaning};
use super::{fingerprint, time};
use crate::kafka::{Header, Record};
use crate::wire::letter;

/// What a dead letter says of itself. What a writer left out, or wrote in a form that can't be read, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Letter {
    /// Who wrote its headers; `None`: nobody that is known.
    pub dialect: Option<Dialect>,
    /// Derived from group and coordinates; only ours have one.
    pub id: Option<String>,
    /// Why it was given up.
    pub reason: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The correlation id.
    pub correlation_id: Option<String>,
    /// Attempts made.
    pub attempts: Option<u32>,
    /// Milliseconds since 1970.
    pub first_failed_at: Option<i64>,
    /// Milliseconds since 1970.
    pub last_failed_at: Option<i64>,
    /// Groups letters with one cause. Computed from error type and text where another stack wrote the letter.
    pub fingerprint: Option<String>,
    /// The letter that this one waits for.
    pub held_behind: Option<String>,
    /// Replays so far.
    pub replays: Option<u32>,
    /// The topic that it came from.
    pub topic: Option<String>,
    /// Its partition there.
    pub partition: Option<i32>,
    /// Its offset there.
    pub offset: Option<i64>,
    /// Its timestamp there, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The consumer group that gave it up; of Kafka Connect the connector's name.
    pub group: Option<String>,
    /// The error's type; of Spring and SmallRye that of the cause, where they tell it.
    pub error_type: Option<String>,
    /// The error's text.
    pub message: Option<String>,
    /// The error's chain or stack.
    pub stack: Option<String>,
}

impl Letter {
    /// Reads a record of a dead-letter topic. Never fails: a record without any of the headers gives a letter that says nothing.
    #[must_use]
    pub fn read(record: &Record<'_>) -> Self {
        Self::from_headers(record.headers())
    }

    /// As [`Letter::read`], from headers in order. Of repeated ones the last counts: the latest hop. Where a record carries headers of
    /// several stacks, those of the first [`Dialect`] count.
    pub fn from_headers<'a>(headers: impl Iterator<Item = Header<'a>>) -> Self {
        let mut ours = Self::default();
        let mut told: BTreeMap<Dialect, Told> = BTreeMap::new();
        for Header { name, value } in headers {
            if let (Ok(name), Some(value)) = (std::str::from_utf8(name), value)
                && !ours.take(name, value)
                && let Some((dialect, field)) = meaning(name)
            {
                told.entry(dialect).or_default().take(dialect, field, value);
            }
        }
        let first = told.into_iter().next();
        let mut read = match first {
            Some((dialect, told)) => Self { dialect: Some(dialect), ..told.into_letter(ours) },
            None => ours,
        };
        if read.id.is_some() {
            read.dialect = Some(Dialect::Onceward);
        } else if read.error_type.is_some() || read.message.is_some() {
            let of = |text: &Option<String>| text.clone().unwrap_or_default();
            read.fingerprint.get_or_insert_with(|| fingerprint(&of(&read.error_type), &of(&read.message), ""));
        }
        read
    }

    /// Whether it says anything of where it came from.
    #[must_use]
    pub fn is_letter(&self) -> bool {
        self.id.is_some() || (self.topic.is_some() && self.offset.is_some())
    }

    /// Whether it is a header that Onceward alone writes.
    fn take(&mut self, name: &str, value: &[u8]) -> bool {
        match name {
            letter::ID => self.id = text(value),
            letter::REASON => self.reason = text(value),
            letter::EVENT_ID => self.event_id = text(value),
            letter::CORRELATION_ID => self.correlation_id = text(value),
            letter::ATTEMPTS => self.attempts = number(value),
            letter::FIRST_FAILED_AT => self.first_failed_at = instant(value),
            letter::LAST_FAILED_AT => self.last_failed_at = instant(value),
            letter::FINGERPRINT => self.fingerprint = text(value),
            letter::HELD_BEHIND => self.held_behind = text(value),
            letter::REPLAYS => self.replays = number(value),
            _ => return false,
        }
        true
    }
}

/// What the headers of one dialect say.
#[derive(Debug, Default)]
struct Told {
    letter: Letter,
    cause: Option<String>,
}

impl Told {
    fn take(&mut self, dialect: Dialect, field: Field, value: &[u8]) {
        let letter = &mut self.letter;
        let binary = dialect.is_binary();
        match field {
            Field::Topic => letter.topic = text(value),
            Field::Partition if binary => letter.partition = value.try_into().ok().map(i32::from_be_bytes),
            Field::Partition => letter.partition = decimal(value),
            Field::Offset if binary => letter.offset = value.try_into().ok().map(i64::from_be_bytes),
            Field::Offset => letter.offset = decimal(value),
            Field::Timestamp if binary => letter.timestamp = value.try_into().ok().map(i64::from_be_bytes).filter(|millis| *millis >= 0),
            Field::Timestamp => letter.timestamp = decimal(value),
            Field::Group => letter.group = text(value),
            Field::ErrorType => letter.error_type = text(value),
            Field::Cause => self.cause = text(value),
            Field::Message => letter.message = text(value),
            Field::Stack => letter.stack = text(value),
            Field::Attempts => letter.attempts = number(value),
            // 4 bytes, 1 before; it counts the attempt that would come.
            Field::NextAttempt => {
                let next =
                    value.try_into().ok().map(u32::from_be_bytes).or_else(|| <[u8; 1]>::try_from(value).ok().map(|[one]| one.into()));
                letter.attempts = next.map(|next| next.saturating_sub(1));
            }
            Field::Other => {}
        }
    }

    /// Together with what Onceward's own headers say.
    fn into_letter(self, ours: Letter) -> Letter {
        let Letter { topic, partition, offset, timestamp, group, error_type, message, stack, attempts, .. } = self.letter;
        // What other stacks call the error is usually a wrapper around the one that matters.
        let error_type = self.cause.or(error_type);
        Letter { topic, partition, offset, timestamp, group, error_type, message, stack, attempts: ours.attempts.or(attempts), ..ours }
    }
}

fn decimal<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

fn text(value: &[u8]) -> Option<String> {
    Some(String::from_utf8_lossy(value).into_owned())
}

fn number(value: &[u8]) -> Option<u32> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn instant(value: &[u8]) -> Option<i64> {
    time::parse(std::str::from_utf8(value).ok()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;
    use crate::letter::is_of_letter;

    fn read(headers: &[(&str, &[u8])]) -> Letter {
        Letter::from_headers(headers.iter().map(|(name, value)| Header { name: name.as_bytes(), value: Some(value) }))
    }

    #[test]
    fn each_dialect_says_where_it_came_from_and_why() {
        let (partition, offset) = (1_i32.to_be_bytes(), 258_i64.to_be_bytes());
        type Headers<'a> = &'a [(&'a str, &'a [u8])];
        let dialects: [(Dialect, Headers<'_>); 6] = [
            (
                Dialect::Spring,
                &[
                    ("kafka_dlt-original-topic", b"orders"),
                    ("kafka_dlt-original-partition", &partition),
                    ("kafka_dlt-original-offset", &offset),
                    ("kafka_dlt-exception-fqcn", b"org.springframework.kafka.listener.ListenerExecutionFailedException"),
                    ("kafka_dlt-exception-cause-fqcn", b"Boom"),
                    ("kafka_dlt-exception-message", b"no total"),
                ],
            ),
            (
                Dialect::SpringRetry,
                &[
                    ("kafka_original-topic", b"orders"),
                    ("kafka_original-partition", &partition),
                    ("kafka_original-offset", &offset),
                    ("kafka_exception-fqcn", b"Boom"),
                    ("kafka_exception-message", b"no total"),
                    ("retry_topic-attempts", &[0, 0, 0, 4]),
                ],
            ),
            (
                Dialect::ShareGroup,
                &[
                    ("__dlq.errors.topic", b"orders"),
                    ("__dlq.errors.partition", b"1"),
                    ("__dlq.errors.offset", b"258"),
                    ("__dlq.errors.delivery.count", b"3"),
                    ("__dlq.errors.message", b"no total"),
                ],
            ),
            (
                Dialect::Streams,
                &[
                    ("__streams.errors.topic", b"orders"),
                    ("__streams.errors.partition", b"1"),
                    ("__streams.errors.offset", b"258"),
                    ("__streams.errors.exception", b"Boom"),
                    ("__streams.errors.message", b"no total"),
                ],
            ),
            (
                Dialect::Connect,
                &[
                    ("__connect.errors.topic", b"orders"),
                    ("__connect.errors.partition", b"1"),
                    ("__connect.errors.offset", b"258"),
                    ("__connect.errors.stage", b"VALUE_CONVERTER"),
                    ("__connect.errors.exception.class.name", b"Boom"),
                    ("__connect.errors.exception.message", b"no total"),
                ],
            ),
            (
                Dialect::SmallRye,
                &[
                    ("dead-letter-topic", b"orders"),
                    ("dead-letter-partition", b"1"),
                    ("dead-letter-offset", b"258"),
                    ("dead-letter-exception-class-name", b"Wrapper"),
                    ("dead-letter-cause-class-name", b"Boom"),
                    ("dead-letter-reason", b"no total"),
                ],
            ),
        ];
        for (dialect, headers) in dialects {
            let letter = read(headers);
            assert_eq!(letter.dialect, Some(dialect));
            assert_eq!((letter.topic.as_deref(), letter.partition, letter.offset), (Some("orders"), Some(1), Some(258)), "{dialect:?}");
            assert_eq!(letter.message.as_deref(), Some("no total"), "{dialect:?}");
            assert!(dialect == Dialect::ShareGroup || letter.error_type.as_deref() == Some("Boom"), "{dialect:?}");
            assert!(letter.is_letter() && letter.fingerprint.is_some() && letter.id.is_none(), "{dialect:?}");
            assert!(headers.iter().all(|(name, _)| is_of_letter(name.as_bytes())), "{dialect:?}");
        }
        assert_eq!(read(dialects[1].1).attempts, Some(3), "three were made, the fourth would come");
        assert_eq!(read(dialects[2].1).attempts, Some(3));
    }

    #[test]
    fn ours_come_first_and_what_is_no_number_is_left_out() {
        let letter = read(&[
            ("__connect.errors.topic", b"elsewhere"),
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-offset", b"12"),
            ("onceward-letter-id", b"l1"),
            ("onceward-fingerprint", b"f1"),
        ]);
        assert_eq!((letter.dialect, letter.topic.as_deref(), letter.offset), (Some(Dialect::Onceward), Some("orders"), None));
        assert_eq!(letter.fingerprint.as_deref(), Some("f1"));
        assert_eq!(read(&[("__dlq.errors.offset", b"+-7"), ("__dlq.errors.partition", b"\xff")]).offset, None);
        for own in ["onceward-id", "dead-letter-box", "ce_type", "traceparent", "kafka_deliveryAttempt"] {
            assert!(!is_of_letter(own.as_bytes()), "{own} is the record's own");
        }
    }
}
