//! Fetched records: one buffer per batch, everything else is ranges into it.

use std::sync::{Arc, Mutex, PoisonError};

use onceward_engine::{Digest, Epoch, EventHash, KeyHash, Offset, PartitionId, PolicyId, Rejection};

use crate::inbox::Identity;

/// What is known of a record beside its bytes.
#[derive(Clone, Debug)]
pub struct RecordMeta {
    /// Where it came from.
    pub partition: PartitionId,
    /// In which assignment.
    pub epoch: Epoch,
    /// Its offset.
    pub offset: Offset,
    /// Its timestamp in milliseconds since 1970, if it has one.
    pub timestamp: Option<i64>,
    /// Whether the broker set the timestamp (`LogAppendTime`).
    pub append_time: bool,
    /// Hash of its order key.
    pub order_key: Option<KeyHash>,
    /// What the inbox knows it by.
    pub identity: Identity,
    /// The identity as the engine knows it.
    pub event: EventHash,
    /// Digest of its payload.
    pub digest: Digest,
    /// How it is treated.
    pub policy: PolicyId,
    /// Why it can't be handled at all.
    pub refused: Option<Rejection>,
    /// Nobody wants it: it is passed over.
    pub ignored: bool,
    /// It is a dead letter that is handled again, and so many replays of it failed before.
    pub replays: Option<u32>,
    key: Option<Range>,
    value: Option<Range>,
    headers: Range,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    from: u32,
    to: u32,
}

#[derive(Clone, Copy, Debug)]
struct HeaderRange {
    name: Range,
    value: Option<Range>,
}

/// Records in fetch order, in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<RecordMeta>,
    headers: Vec<HeaderRange>,
    /// Where the buffers go when the last record is done with.
    shelf: Option<Arc<Shelf>>,
}

/// Buffers to be used again: a fresh half megabyte per batch would cost more page faults than the copying itself.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<Batch>>);

/// Empty batches kept; what is beyond is given back to the allocator.
const SHELF: usize = 16;
/// Buffers larger than this are not kept: one huge record must not be remembered for ever.
const LARGEST_KEPT: usize = 2 << 20;

impl Drop for Batch {
    fn drop(&mut self) {
        let Some(shelf) = self.shelf.take() else { return };
        if self.bytes.capacity() > LARGEST_KEPT {
            return;
        }
        let mut kept = shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < SHELF {
            self.bytes.clear();
            self.records.clear();
            self.headers.clear();
            kept.push(Self {
                bytes: std::mem::take(&mut self.bytes),
                records: std::mem::take(&mut self.records),
                headers: std::mem::take(&mut self.headers),
                shelf: None,
            });
        }
    }
}

/// One record of a batch, borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    batch: &'a Batch,
    /// Everything but the bytes.
    pub meta: &'a RecordMeta,
}

/// One header: a name and a value, which may be null. Names need not be UTF-8 and may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name's bytes.
    pub name: &'a [u8],
    /// The value.
    pub value: Option<&'a [u8]>,
}

impl Batch {
    /// How many records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + self.records.capacity() * size_of::<RecordMeta>() + self.headers.capacity() * size_of::<HeaderRange>()
    }

    /// One record.
    #[must_use]
    pub fn record(&self, index: usize) -> Record<'_> {
        Record { batch: self, meta: &self.records[index] }
    }

    /// All records, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|meta| Record { batch: self, meta })
    }

    /// A batch that holds only this record, in a buffer of its own: so that one slow event does not pin a whole batch.
    #[must_use]
    pub fn detach(&self, index: usize) -> Self {
        let record = self.record(index);
        let mut builder = BatchBuilder::default();
        builder.begin(record.key(), record.value());
        for header in record.headers() {
            builder.header(header.name, header.value);
        }
        builder.finish(record.meta.clone());
        std::mem::take(&mut builder.batch)
    }

    fn slice_of(&self, range: Option<Range>) -> Option<&[u8]> {
        range.map(|range| self.slice(range))
    }

    fn slice(&self, range: Range) -> &[u8] {
        &self.bytes[range.from as usize..range.to as usize]
    }
}

/// The bytes of a record, wherever they are kept.
pub trait Fields<'a> {
    /// The key; `None` is Kafka's null.
    fn key(&self) -> Option<&'a [u8]>;

    /// The value; `None` is Kafka's null (a tombstone).
    fn value(&self) -> Option<&'a [u8]>;

    /// The last header of this name; `None` when there is none, or it is null.
    fn header(&self, name: &str) -> Option<&'a [u8]>;
}

impl<'a> Fields<'a> for Record<'a> {
    fn key(&self) -> Option<&'a [u8]> {
        Record::key(self)
    }

    fn value(&self) -> Option<&'a [u8]> {
        Record::value(self)
    }

    fn header(&self, name: &str) -> Option<&'a [u8]> {
        Record::header(self, name)
    }
}

/// The record that a builder has begun and not finished.
#[derive(Clone, Copy, Debug)]
pub struct Begun<'a>(&'a BatchBuilder);

impl<'a> Fields<'a> for Begun<'a> {
    fn key(&self) -> Option<&'a [u8]> {
        self.0.key.map(|range| self.0.batch.slice(range))
    }

    fn value(&self) -> Option<&'a [u8]> {
        self.0.value.map(|range| self.0.batch.slice(range))
    }

    fn header(&self, name: &str) -> Option<&'a [u8]> {
        let batch = &self.0.batch;
        let headers = batch.headers.get(self.0.first_header as usize..).unwrap_or_default();
        headers.iter().rev().find(|header| batch.slice(header.name) == name.as_bytes()).and_then(|header| batch.slice_of(header.value))
    }
}

impl<'a> Record<'a> {
    /// The key's bytes; `None` is Kafka's null.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.meta.key.map(|range| self.batch.slice(range))
    }

    /// The value's bytes; `None` is Kafka's null (a tombstone).
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.meta.value.map(|range| self.batch.slice(range))
    }

    /// All headers, in order, repeated ones included.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = Header<'a>> + use<'a> {
        let batch = self.batch;
        batch.headers[self.meta.headers.from as usize..self.meta.headers.to as usize]
            .iter()
            .map(move |header| Header { name: batch.slice(header.name), value: header.value.map(|value| batch.slice(value)) })
    }

    /// The last header of this name; `None` when there is none, or it is null.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().rev().find(|header| header.name == name.as_bytes()).and_then(|header| header.value)
    }

    /// Bytes of key, value and headers, plus what keeping a record costs.
    #[must_use]
    pub fn size(&self) -> u32 {
        const OVERHEAD: usize = size_of::<RecordMeta>();
        let headers: usize = self.headers().map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len)).sum();
        let size = OVERHEAD + headers + self.key().map_or(0, <[u8]>::len) + self.value().map_or(0, <[u8]>::len);
        u32::try_from(size).unwrap_or(u32::MAX)
    }
}

/// Fills a batch record by record: `begin`, `header` for each, `finish`.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    batch: Batch,
    shelf: Option<Arc<Shelf>>,
    key: Option<Range>,
    value: Option<Range>,
    first_header: u32,
}

impl BatchBuilder {
    /// Copies a record's key and value.
    pub fn begin(&mut self, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.key = key.map(|bytes| self.copy(bytes));
        self.value = value.map(|bytes| self.copy(bytes));
        self.first_header = u32::try_from(self.batch.headers.len()).unwrap_or(u32::MAX);
    }

    /// Copies a header of the record begun last.
    pub fn header(&mut self, name: &[u8], value: Option<&[u8]>) {
        let name = self.copy(name);
        let value = value.map(|bytes| self.copy(bytes));
        self.batch.headers.push(HeaderRange { name, value });
    }

    /// The record begun last, to read its identity from.
    #[must_use]
    pub fn begun(&self) -> Begun<'_> {
        Begun(self)
    }

    /// Adds the record begun last. The ranges in `meta` are replaced.
    pub fn finish(&mut self, mut meta: RecordMeta) {
        meta.key = self.key.take();
        meta.value = self.value.take();
        meta.headers = Range { from: self.first_header, to: u32::try_from(self.batch.headers.len()).unwrap_or(u32::MAX) };
        self.batch.records.push(meta);
    }

    /// Leaves the record begun last out.
    pub fn discard(&mut self) {
        (self.key, self.value) = (None, None);
        self.batch.headers.truncate(self.first_header as usize);
    }

    /// Bytes copied so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.batch.bytes.len()
    }

    /// Records added so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.batch.records.is_empty()
    }

    /// Uses the same spare buffers as another builder.
    pub(super) fn share(&mut self, other: &mut Self) {
        if self.shelf.is_none() {
            self.shelf = Some(Arc::clone(other.shelf.get_or_insert_default()));
        }
    }

    /// The batch; the builder starts afresh, with the buffers of a batch that is done with if there is one.
    pub fn take(&mut self) -> Batch {
        let shelf = self.shelf.get_or_insert_default();
        let used = shelf.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut batch = std::mem::replace(&mut self.batch, used.unwrap_or_default());
        batch.shelf = Some(Arc::clone(shelf));
        batch
    }

    fn copy(&mut self, bytes: &[u8]) -> Range {
        let from = u32::try_from(self.batch.bytes.len()).unwrap_or(u32::MAX);
        self.batch.bytes.extend_from_slice(bytes);
        Range { from, to: u32::try_from(self.batch.bytes.len()).unwrap_or(u32::MAX) }
    }
}

impl RecordMeta {
    /// What is known of a record before its bytes are copied.
    #[must_use]
    pub fn new(
        partition: PartitionId,
        epoch: Epoch,
        offset: Offset,
        identity: Identity,
        event: EventHash,
        digest: Digest,
        policy: PolicyId,
    ) -> Self {
        Self {
            partition,
            epoch,
            offset,
            timestamp: None,
            append_time: false,
            order_key: None,
            identity,
            event,
            digest,
            policy,
            refused: None,
            ignored: false,
            replays: None,
            key: None,
            value: None,
            headers: Range::default(),
        }
    }
}
