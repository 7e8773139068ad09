//! What the loop is connected to: Kafka in a service, and in a [`crate::testing::Rig`] what stands for it.
//!
//! Calls here are per batch, per commit and per letter, never per record: that they are virtual costs nothing that shows.

use std::time::Duration;

use onceward_engine::DeliveryId;

use crate::Error;
use crate::kafka::{Source, SourceOrder};
use crate::letter::{LedgerRequest, LetterRequest, Producer, PublishRequest};

/// Hands records over and takes orders about partitions.
pub(crate) trait Upstream: Send {
    /// Orders something; the answer comes as a fact.
    fn order(&self, order: SourceOrder);

    /// A batch was taken off, so that another one may come.
    fn batch_taken(&self);
}

/// Writes letters, and what handlers publish if there is no outbox.
pub(crate) trait Downstream: Send + Sync {
    /// Answered when all in-sync replicas have it.
    fn send_letter(&self, letter: LetterRequest);

    /// Answered by its token.
    fn publish(&self, record: PublishRequest);

    /// Forgets letters of deliveries whose epoch is over.
    fn abandon(&self, deliveries: &[DeliveryId]);

    /// Writes a record of a ledger. It is answered by being read there.
    fn record(&self, record: LedgerRequest);

    /// Forgets records of ledgers whose epoch is over, by their tokens.
    fn abandon_records(&self, gone: &dyn Fn(u64) -> bool);

    /// Waits for what is under way, no longer than the deadline.
    fn close(&self, deadline: Duration) -> Result<(), Error>;
}

impl Upstream for Source {
    fn order(&self, order: SourceOrder) {
        Source::order(self, order);
    }

    fn batch_taken(&self) {
        Source::batch_taken(self);
    }
}

impl Downstream for Producer {
    fn send_letter(&self, letter: LetterRequest) {
        Producer::send_letter(self, letter);
    }

    fn publish(&self, record: PublishRequest) {
        Producer::publish(self, record);
    }

    fn abandon(&self, deliveries: &[DeliveryId]) {
        Producer::abandon(self, deliveries);
    }

    fn record(&self, record: LedgerRequest) {
        Producer::record(self, record);
    }

    fn abandon_records(&self, gone: &dyn Fn(u64) -> bool) {
        Producer::abandon_records(self, gone);
    }

    fn close(&self, deadline: Duration) -> Result<(), Error> {
        Producer::close(self, deadline)
    }
}
