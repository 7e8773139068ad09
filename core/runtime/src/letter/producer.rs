//! The driver's end of the producer.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use onceward_engine::{DeliveryId, Offset};

use super::outbox::{Item, Outbox};
use super::request::{LedgerRequest, LetterRequest, PublishRequest};
use crate::Error;
use crate::kafka::tokens::Tokens;
use crate::kafka::{fault, token};

/// What became of letters and publishes.
#[derive(Debug)]
pub enum ProducerFact {
    /// All in-sync replicas have the letter.
    Lettered {
        /// Whose letter.
        delivery: DeliveryId,
        /// Where it stands in its partition.
        at: Offset,
    },
    /// All in-sync replicas have the record of a ledger.
    Recorded {
        /// Which one.
        token: u64,
        /// Where it stands in the ledger; `None` where a retry hid it.
        at: Option<Offset>,
    },
    /// Nobody knows whether a letter's record was written to its ledger. It is sent again, under a key of its own, and may land twice.
    SentAgain {
        /// Which one.
        token: u64,
    },
    /// Nobody knows whether a claim was written. It may still land, and is not sent again.
    RecordGivenUp {
        /// Which one.
        token: u64,
    },
    /// The broker refuses a record of a ledger, for a reason that a person must remove. It is kept and tried again, slowly.
    RecordRefused {
        /// What the broker said, and the cure.
        why: String,
    },
    /// The broker refuses the letter, for a reason that a person must remove. It is kept and tried again, slowly.
    Refused {
        /// Whose letter.
        delivery: DeliveryId,
        /// What the broker said, and the cure.
        why: String,
    },
    /// A publish ended.
    Published {
        /// Which one.
        token: u64,
        /// `Err`: refused for good, with the cure. Passing errors are not reported here, they are retried.
        result: Result<(), String>,
    },
    /// Writes fail for a reason that may pass. Everything is kept and tried again.
    Down {
        /// What librdkafka said.
        why: String,
    },
    /// Writes go through again.
    Up,
}

/// Where facts go. Called on the producer's thread, or within [`Producer::send_letter`] and [`Producer::publish`].
pub type ProducerSink = Box<dyn Fn(ProducerFact) + Send + Sync>;

/// Writes dead letters and publishes: idempotent, acknowledged by all in-sync replicas, pipelined, retried until they are written.
///
/// Letters are kept in memory until then; the engine's credit bounds how many there can be.
pub struct Producer {
    outbox: Arc<Outbox>,
    ended: Receiver<()>,
}

impl Producer {
    /// Creates the producer and its thread. Nothing is asked of a broker before this returns.
    ///
    /// `client` is complete, see [`crate::kafka::producer_properties`].
    ///
    /// # Errors
    /// [`Error::Broker`] when a property is unknown or has a wrong value, or when the thread can't be started.
    pub fn start(client: &[(String, String)], sink: ProducerSink) -> Result<Self, Error> {
        let (config, endpoint) = token::client_config(client)?;
        let outbox = Outbox::new(config, endpoint.map(Tokens::start).transpose()?, sink)?;
        let (end, ended) = crossbeam_channel::bounded(1);
        let thread = Arc::clone(&outbox);
        std::thread::Builder::new()
            .name("onceward-produce".to_owned())
            .spawn(move || {
                thread.run();
                if end.send(()).is_err() {
                    tracing::debug!("the producer ended after its deadline");
                }
            })
            .map_err(|error| fault::broker("starting the producer thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { outbox, ended })
    }

    /// Writes a dead letter. Answered by [`ProducerFact::Lettered`], however long it takes.
    pub fn send_letter(&self, letter: LetterRequest) {
        self.outbox.submit(Item::Letter(letter));
    }

    /// Writes a record of a ledger. Answered by [`ProducerFact::Recorded`], however long it takes; a claim by [`ProducerFact::RecordGivenUp`] where
    /// nobody knows what became of it.
    pub fn record(&self, record: LedgerRequest) {
        self.outbox.submit(Item::Ledger(record));
    }

    /// Forgets records of a ledger whose epoch is over, or that were read there, as [`Producer::abandon`] does letters.
    pub fn abandon_records(&self, gone: impl Fn(u64) -> bool) {
        self.outbox.abandon_where(|item| matches!(item, Item::Ledger(record) if gone(record.token)));
    }

    /// Writes a record of a handler. Answered by [`ProducerFact::Published`].
    pub fn publish(&self, record: PublishRequest) {
        self.outbox.submit(Item::Publish(record));
    }

    /// Forgets letters of deliveries whose epoch is over. What the broker was already given may still be written; nothing is reported.
    pub fn abandon(&self, deliveries: &[DeliveryId]) {
        self.outbox.abandon(deliveries);
    }

    /// Letters and publishes that are not acknowledged.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.outbox.in_flight()
    }

    /// Waits until everything is acknowledged, then ends; no longer than the deadline.
    ///
    /// # Errors
    /// [`Error::Broker`] when something was not acknowledged in time. Its records are not committed, so it is not lost.
    pub fn close(&self, deadline: Duration) -> Result<(), Error> {
        let deadline = std::time::Instant::now() + deadline;
        let left = self.outbox.drain(deadline);
        self.outbox.stop();
        let rest = deadline.saturating_duration_since(std::time::Instant::now());
        if self.ended.recv_timeout(rest).is_err() {
            tracing::debug!("the producer is left behind");
        }
        if left == 0 {
            return Ok(());
        }
        Err(fault::broker(
            "closing the producer",
            format!("{left} dead letters or publishes were not acknowledged in time"),
            "Nothing is lost: their records are not committed and are handled again after the next start",
        ))
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.outbox.stop();
    }
}
