//! The relay's Kafka clients. librdkafka retries by itself and in order, for ever; only refusals come back.

use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use super::codec::Decoded;
use crate::Error;
use crate::kafka::tokens::Tokens;
use crate::kafka::{context, fault, sys, token};

/// How long an event waits for company.
const LINGER_MS: &str = "5";
/// Delivery reports served at once.
const REPORTS: usize = 64;

/// What librdkafka said since the last look.
#[derive(Default)]
pub(super) struct Said {
    /// Events that arrived, or were refused.
    pub(super) answers: Vec<(u64, Option<Code>)>,
    /// The client is beyond recovery.
    pub(super) fatal: bool,
    /// No broker answers.
    pub(super) down: bool,
}

/// One producer.
pub(super) struct Client {
    producer: BaseProducer<Host>,
    said: Arc<Mutex<Said>>,
    /// The topic of the last event, since most go where the one before went.
    topic: CString,
    /// For a cluster that is entered with tokens.
    tokens: Option<Tokens>,
}

struct Host(Arc<Mutex<Said>>);

impl Host {
    fn note(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl ClientContext for Host {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        context::log(level as i32, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => self.note(|said| said.down = true),
            Some(Code::Fatal) => self.note(|said| said.fatal = true),
            _ => tracing::warn!(target: "librdkafka", %error, "{reason}"),
        }
    }
}

impl ProducerContext for Host {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let code = result.as_ref().err().map(|(error, _)| error.rdkafka_error_code().unwrap_or(Code::Unknown));
        self.note(|said| said.answers.push((token as u64, code)));
    }
}

impl Client {
    /// `alone`: each event in a batch of its own, so that a refusal is surely its own.
    pub(super) fn connect(properties: &[(String, String)], alone: bool) -> Result<Self, Error> {
        let (mut config, endpoint) = token::client_config(properties)?;
        // A timeout of the client's would let later events of a key overtake the one that it gave up.
        config.set("message.timeout.ms", "0");
        if alone {
            config.set("batch.num.messages", "1");
        } else if config.get("linger.ms") == Some("0") {
            // Nobody waits for these, and batches of a few records would cost the broker more than the records.
            config.set("linger.ms", LINGER_MS);
        }
        let said = Arc::<Mutex<Said>>::default();
        let producer = config.create_with_context(Host(Arc::clone(&said))).map_err(|error| {
            let cure = "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all";
            fault::broker("creating the outbox's producer", error.to_string(), cure)
        })?;
        Ok(Self { producer, said, topic: CString::default(), tokens: endpoint.map(Tokens::start).transpose()? })
    }

    pub(super) fn produce(&mut self, event: &Decoded<'_>, number: u64) -> Result<(), Code> {
        if self.topic.as_bytes() != event.topic.as_bytes() {
            self.topic = CString::new(event.topic).map_err(|_| Code::InvalidTopic)?;
        }
        let outgoing = sys::Outgoing {
            topic: &self.topic,
            partition: None,
            key: event.key,
            value: event.value,
            timestamp: rdkafka::util::current_time_millis(),
        };
        let token = usize::try_from(number).unwrap_or(usize::MAX);
        sys::produce(self.producer.client().native_ptr(), &outgoing, event.headers(), token)
    }

    /// What has been said by now. Each poll serves one report, of which a busy client has several.
    pub(super) fn take(&self) -> Said {
        if let Some(tokens) = &self.tokens {
            tokens.serve(self.producer.client().native_ptr());
        }
        let mut heard = 0;
        for _ in 0..REPORTS {
            self.producer.poll(Duration::ZERO);
            let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).answers.len();
            if said == heard {
                break;
            }
            heard = said;
        }
        std::mem::take(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Destroys the client on a thread of its own, since that may block.
    pub(super) fn retire(self) {
        let spawned = std::thread::Builder::new().name("onceward-retire".to_owned()).spawn(move || drop(self));
        if let Err(error) = spawned {
            tracing::error!(%error, "an old producer was destroyed in place");
        }
    }
}
