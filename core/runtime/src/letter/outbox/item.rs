//! One thing to write, and how it is handed to the client.

use std::ffi::CString;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::producer::{BaseProducer, Producer as _};

use super::Host;
use crate::kafka::sys;
use crate::letter::request::{LedgerRequest, LetterRequest, PublishRequest};

/// One thing to write.
pub(in crate::letter) enum Item {
    Letter(LetterRequest),
    Ledger(LedgerRequest),
    Publish(PublishRequest),
}

impl Item {
    pub(super) fn topic(&self) -> &str {
        match self {
            Self::Letter(letter) => &letter.topic,
            Self::Ledger(record) => &record.topic,
            Self::Publish(record) => &record.topic,
        }
    }

    pub(super) fn produce(&self, client: &BaseProducer<Host>, token: usize) -> Result<(), Code> {
        let named = if let Self::Ledger(record) = self { record.key.to_string() } else { String::new() };
        let (partition, key, value, headers, timestamp) = match self {
            Self::Letter(letter) => (Some(letter.partition), letter.key.as_deref(), &letter.value, &letter.headers[..], None),
            Self::Ledger(record) => (Some(record.partition), Some(named.as_bytes()), &record.value, &[][..], None),
            Self::Publish(record) => (None, record.key.as_deref(), &record.value, &record.headers[..], record.timestamp),
        };
        let topic = CString::new(self.topic()).map_err(|_| Code::InvalidTopic)?;
        let outgoing = sys::Outgoing {
            topic: &topic,
            partition,
            key,
            value: value.as_deref(),
            timestamp: timestamp.unwrap_or_else(rdkafka::util::current_time_millis),
        };
        let headers = headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
        sys::produce(client.client().native_ptr(), &outgoing, headers, token)
    }
}
