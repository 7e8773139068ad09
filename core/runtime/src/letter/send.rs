//! Writes records for tools: as they are, acknowledged by all in-sync replicas, with little in memory.

use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

use crate::Error;
use crate::kafka::tokens::Tokens;
use crate::kafka::{context, fault, sys, token};

/// Records and bytes on their way; past either, sending waits.
const RECORDS: u64 = 10_000;
const BYTES: usize = 16 << 20;
/// One wait for acknowledgements.
const TURN: Duration = Duration::from_millis(20);

/// A record to write. Its timestamp is the present, or it might be older than its topic's retention.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Where to.
    pub topic: &'a str,
    /// `None`: by the key's hash, as Java's producers do.
    pub partition: Option<i32>,
    /// The key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is Kafka's null.
    pub value: Option<&'a [u8]>,
}

#[derive(Default)]
struct Answers {
    arrived: u64,
    refused: Option<Code>,
    bytes: usize,
}

/// Writes records, pipelined. At most 16 MiB or 10,000 of them are on their way.
pub struct Sender {
    producer: BaseProducer<Host>,
    answers: Arc<Mutex<Answers>>,
    tokens: Option<Tokens>,
    sent: u64,
    topic: CString,
    timeout: Duration,
}

struct Host(Arc<Mutex<Answers>>);

impl ClientContext for Host {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        context::log(level as i32, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ProducerContext for Host {
    type DeliveryOpaque = usize;

    /// The token is the record's size.
    fn delivery(&self, result: &DeliveryResult<'_>, size: usize) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.bytes = answers.bytes.saturating_sub(size);
        match result {
            Ok(_) => answers.arrived += 1,
            Err((error, _)) => {
                answers.refused.get_or_insert(error.rdkafka_error_code().unwrap_or(Code::Unknown));
            }
        }
    }
}

impl Sender {
    /// A producer with these properties, see [`crate::kafka::producer_properties`]. A record that is not acknowledged within `timeout` is
    /// an error.
    ///
    /// # Errors
    /// [`Error::Broker`] when a property is unknown or has a wrong value.
    pub fn connect(client: &[(String, String)], timeout: Duration) -> Result<Self, Error> {
        let (mut config, endpoint) = token::client_config(client)?;
        config.set("message.timeout.ms", timeout.as_millis().to_string()).set("linger.ms", "5");
        let answers = Arc::<Mutex<Answers>>::default();
        let producer = config.create_with_context(Host(Arc::clone(&answers))).map_err(|error| {
            let cure = "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all";
            fault::broker("creating the Kafka producer", error.to_string(), cure)
        })?;
        let tokens = endpoint.map(Tokens::start).transpose()?;
        Ok(Self { producer, answers, tokens, sent: 0, topic: CString::default(), timeout })
    }

    /// Sends a record with its headers. Waits while too much is on its way.
    ///
    /// # Errors
    /// [`Error::Broker`] when this record, or one before it, was refused.
    pub fn send<'a>(
        &mut self,
        record: &Outgoing<'_>,
        headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
    ) -> Result<(), Error> {
        if self.topic.as_bytes() != record.topic.as_bytes() {
            self.topic = CString::new(record.topic).map_err(|_| self.refused(Code::InvalidTopic))?;
        }
        let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let of_headers: usize = headers.clone().map(|(name, value)| name.len() + length(value)).sum();
        let size = length(record.key).saturating_add(length(record.value)).saturating_add(of_headers).saturating_add(1);
        let (_, on_their_way) = self.state()?;
        let mut room = self.sent.saturating_sub(self.arrived()?) < RECORDS && on_their_way < BYTES;
        while !room {
            self.turn();
            let (arrived, bytes) = self.state()?;
            room = self.sent.saturating_sub(arrived) < RECORDS && bytes < BYTES;
        }
        let outgoing = sys::Outgoing {
            topic: &self.topic,
            partition: record.partition,
            key: record.key,
            value: record.value,
            timestamp: rdkafka::util::current_time_millis(),
        };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).bytes += size;
        sys::produce(self.producer.client().native_ptr(), &outgoing, headers, size).map_err(|code| self.refused(code))?;
        self.sent += 1;
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits until all records are acknowledged; how many there were.
    ///
    /// # Errors
    /// [`Error::Broker`] when one was refused, or not acknowledged in time.
    pub fn finish(&mut self) -> Result<u64, Error> {
        // The client's own timeout answers for each record; this one only guards against a client that does not.
        let end = Instant::now() + self.timeout + Duration::from_secs(5);
        while self.arrived()? < self.sent {
            if Instant::now() > end {
                return Err(self.refused(Code::MessageTimedOut));
            }
            self.turn();
        }
        Ok(self.sent)
    }

    fn arrived(&self) -> Result<u64, Error> {
        Ok(self.state()?.0)
    }

    /// How many have arrived, and the bytes on their way.
    fn state(&self) -> Result<(u64, usize), Error> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let state = (answers.arrived, answers.bytes);
        let refused = answers.refused;
        drop(answers);
        refused.map_or(Ok(state), |code| Err(self.refused(code)))
    }

    fn turn(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.serve(self.producer.client().native_ptr());
        }
        self.producer.poll(TURN);
    }

    fn refused(&self, code: Code) -> Error {
        let topic = self.topic.to_string_lossy();
        let cure = match code {
            Code::TopicAuthorizationFailed => fault::may_write(&topic),
            Code::MessageSizeTooLarge => format!("Raise max.message.bytes of {topic}, and `kafka.\"message.max.bytes\"`"),
            Code::MessageTimedOut => "Check that its brokers are up, and give them more time with --timeout".to_owned(),
            code => fault::cure(code).unwrap_or("Look at the brokers' logs").to_owned(),
        };
        fault::broker(format!("writing to {topic}"), code.to_string(), cure)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // What was not waited for is not wanted any more, and destroying a client waits for it.
        self.producer.purge(rdkafka::producer::PurgeConfig::default().queue().inflight());
        self.producer.poll(Duration::ZERO);
    }
}
