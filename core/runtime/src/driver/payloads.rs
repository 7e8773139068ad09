//! What the engine does not see: bytes, under the delivery's id.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use onceward_engine::{DeliveryId, Digest, Epoch, Fetched, PartitionId, PolicyId, Reason, Slots};

use crate::alerts::DeadLetter;
use crate::event::Report;
use crate::inbox::{Encoded, Identity, Statement};
use crate::kafka::{Batch, Record};

/// One delivery's payload.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) batch: Arc<Batch>,
    pub(crate) index: u32,
    /// Copied out of the record's metadata, which another core has written: each of these is needed several times.
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) policy: PolicyId,
    pub(crate) identity: Identity,
    pub(crate) digest: Digest,
    /// The number of its last attempt; 0 before the first one.
    pub(crate) attempt: u32,
    /// When it was handed to its handler for the first time, in nanoseconds since 1970; 0 if it was not, or nobody receives spans.
    pub(crate) begun: u64,
    /// The chunk of its last dispatch.
    pub(crate) chunk: u64,
    /// The run of its last dispatch.
    pub(crate) run: u64,
    /// Statements of a handled delivery, until they are given to the inbox.
    pub(crate) statements: Vec<Statement>,
    /// And what it publishes.
    pub(crate) publishes: Option<Box<Encoded>>,
    /// The last failure, for the letter.
    pub(crate) failure: Option<Box<Report>>,
    /// Why it was given up, once it was.
    pub(crate) reason: Option<Reason>,
    /// The broker refuses its letter.
    pub(crate) stranded: bool,
    /// What is told of its letter, once that is durable.
    pub(crate) told: Option<Box<DeadLetter>>,
}

/// All payloads in memory, and the batches that they pin.
#[derive(Debug)]
pub(crate) struct Payloads {
    slots: Slots<Payload>,
    pinned: VecDeque<Pinned>,
    pinned_bytes: u64,
    budget: u64,
}

/// A batch buffer: alive while any of its records is.
#[derive(Debug)]
struct Pinned {
    batch: Weak<Batch>,
    bytes: u64,
    deliveries: Vec<DeliveryId>,
}

impl Payload {
    pub(crate) fn record(&self) -> Record<'_> {
        self.batch.record(self.index as usize)
    }
}

impl Payloads {
    /// `budget`: bytes of batch buffers kept before survivors are moved out of the oldest.
    pub(crate) fn new(budget: u64) -> Self {
        Self { slots: Slots::default(), pinned: VecDeque::new(), pinned_bytes: 0, budget }
    }

    /// Takes a fetched batch in, and moves survivors out of the oldest ones when too much is pinned: one slow event must not hold the
    /// buffer of a thousand.
    pub(crate) fn adopt(&mut self, batch: Batch) -> Arc<Batch> {
        let bytes = batch.memory() as u64;
        let batch = Arc::new(batch);
        self.pinned_bytes += bytes;
        self.pinned.push_back(Pinned { batch: Arc::downgrade(&batch), bytes, deliveries: Vec::with_capacity(batch.len()) });
        while let Some(oldest) = self.pinned.front() {
            let dead = oldest.batch.strong_count() == 0;
            if !dead && (self.pinned_bytes <= self.budget || self.pinned.len() == 1) {
                break;
            }
            if let Some(oldest) = self.pinned.pop_front() {
                self.pinned_bytes = self.pinned_bytes.saturating_sub(oldest.bytes);
                self.detach_all(&oldest);
            }
        }
        batch
    }

    fn detach_all(&mut self, pinned: &Pinned) {
        if pinned.batch.strong_count() == 0 {
            return;
        }
        for &delivery in &pinned.deliveries {
            self.detach(delivery);
        }
    }

    /// Gives a delivery a buffer of its own: it will stay for a while.
    pub(crate) fn detach(&mut self, delivery: DeliveryId) {
        if let Some(payload) = self.slots.get_mut(delivery)
            && payload.batch.len() > 1
        {
            payload.batch = Arc::new(payload.batch.detach(payload.index as usize));
            payload.index = 0;
        }
    }

    /// Accepts one record of a batch, which takes so many bytes: from here on it has an id.
    pub(crate) fn admit(&mut self, batch: &Arc<Batch>, index: usize, bytes: u32) -> Fetched {
        self.enter(batch, index, bytes, false)
    }

    /// The same for a letter, which has a buffer of its own.
    pub(crate) fn admit_letter(&mut self, letter: &Arc<Batch>, bytes: u32) -> Fetched {
        self.enter(letter, 0, bytes, true)
    }

    fn enter(&mut self, batch: &Arc<Batch>, index: usize, bytes: u32, alone: bool) -> Fetched {
        let record = batch.record(index);
        let meta = record.meta;
        let payload = Payload {
            batch: Arc::clone(batch),
            index: u32::try_from(index).unwrap_or(u32::MAX),
            partition: meta.partition,
            epoch: meta.epoch,
            policy: meta.policy,
            identity: meta.identity,
            digest: meta.digest,
            attempt: 0,
            begun: 0,
            chunk: 0,
            run: 0,
            statements: Vec::new(),
            publishes: None,
            failure: None,
            reason: None,
            stranded: false,
            told: None,
        };
        let delivery = self.slots.insert(payload);
        if !alone && let Some(newest) = self.pinned.back_mut() {
            newest.deliveries.push(delivery);
        }
        Fetched {
            delivery,
            partition: meta.partition,
            epoch: meta.epoch,
            offset: meta.offset,
            key: meta.order_key,
            event: meta.event,
            digest: meta.digest,
            bytes,
            policy: meta.policy,
            refused: meta.refused,
            ignored: meta.ignored,
        }
    }

    pub(crate) fn get(&self, delivery: DeliveryId) -> Option<&Payload> {
        self.slots.get(delivery)
    }

    pub(crate) fn get_mut(&mut self, delivery: DeliveryId) -> Option<&mut Payload> {
        self.slots.get_mut(delivery)
    }

    pub(crate) fn remove(&mut self, delivery: DeliveryId) -> Option<Payload> {
        self.slots.remove(delivery)
    }
}
