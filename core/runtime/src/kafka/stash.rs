//! Records that were fetched and that the driver does not want yet, per partition.
//!
//! Pausing in librdkafka throws away what it has prefetched, and after resuming it takes a while until records come again. So a partition
//! that is held back goes on filling its stash, and is paused only when that is full; what waits here is handed over first.

use std::collections::VecDeque;

use super::batch::BatchBuilder;
use super::{Batch, RecordMeta, SourceFact};

/// All stashes together hold about this many bytes.
const BUDGET: usize = 16 << 20;
/// A stash holds at least so much, however many partitions there are: less would be fetched again and again.
const LEAST: usize = 128 << 10;
/// Batches of a stash are small, so that a driver with little room takes little.
const BATCH_BYTES: usize = 128 << 10;
const BATCH_RECORDS: usize = 256;

/// What waits of one partition, in the order of its log.
#[derive(Default)]
pub(super) struct Stash {
    waiting: VecDeque<Waiting>,
    builder: BatchBuilder,
    bytes: usize,
}

enum Waiting {
    Batch(Batch, usize),
    /// The end of the partition, or a gap in it: it must not overtake the records before it.
    Fact(SourceFact),
}

/// The most that one of so many partitions stashes before it is paused.
pub(super) fn share(partitions: usize) -> usize {
    (BUDGET / partitions.max(1)).max(LEAST)
}

impl Stash {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.builder.is_empty()
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + weight(&self.builder)
    }

    /// Where the next record is built. Spare buffers are those of `main`.
    pub(super) fn builder(&mut self, main: &mut BatchBuilder) -> &mut BatchBuilder {
        self.builder.share(main);
        if self.builder.len() >= BATCH_RECORDS || self.builder.bytes() >= BATCH_BYTES {
            self.cut();
        }
        &mut self.builder
    }

    pub(super) fn push(&mut self, fact: SourceFact) {
        self.cut();
        self.waiting.push_back(Waiting::Fact(fact));
    }

    /// The next thing to hand over.
    pub(super) fn pop(&mut self) -> Option<SourceFact> {
        if self.waiting.is_empty() {
            self.cut();
        }
        match self.waiting.pop_front()? {
            Waiting::Batch(batch, bytes) => {
                self.bytes = self.bytes.saturating_sub(bytes);
                Some(SourceFact::Batch(batch))
            }
            Waiting::Fact(fact) => Some(fact),
        }
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
        drop(self.builder.take());
    }

    fn cut(&mut self) {
        if !self.builder.is_empty() {
            let bytes = weight(&self.builder);
            self.bytes += bytes;
            self.waiting.push_back(Waiting::Batch(self.builder.take(), bytes));
        }
    }
}

fn weight(builder: &BatchBuilder) -> usize {
    builder.bytes() + builder.len() * size_of::<RecordMeta>()
}
