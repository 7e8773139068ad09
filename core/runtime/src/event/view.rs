//! One event as a handler sees it: ranges into the fetched batch, nothing copied.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use onceward_engine::DeliveryId;
use onceward_schema::framing::SchemaId;
use serde::de::DeserializeOwned;

use super::correlation;
use super::failure::{DecodeError, Failure};
use super::params::IntoParams;
use super::progress::{Cancelled, Progress};
use super::publish::Publish;
use super::rows::{FromRow, QueryError};
use crate::executor::Completion;
use crate::inbox::{Queries, Statement};
use crate::journal::Name;
use crate::kafka::{Batch, Header, Identifier, Record};
use crate::schemas::Body;
use crate::wire;

/// An event: a record of Kafka, with an identity.
///
/// Cheap to clone. What it borrows lives as long as any clone of it.
#[derive(Clone)]
pub struct Event {
    chunk: Arc<Chunk>,
    index: u32,
}

/// Deliveries that went to the executor together: one allocation for all of them.
///
/// Batches and places stand in lists of their own: counting references per item would bounce two cache lines between threads for each.
#[derive(Default)]
pub(crate) struct Chunk {
    /// Tells this chunk from others in flight.
    pub(crate) number: u64,
    pub(crate) items: Vec<Item>,
    /// Where each run ends in `items`.
    pub(crate) ends: Vec<u32>,
    /// It is one event, and nothing else is started beside it.
    pub(crate) alone: bool,
    /// What has ended and was not reported yet. Here and not in the task, so that a handler that blocks keeps nobody else's outcome.
    ended: Mutex<Vec<Completion>>,
    batches: Vec<Arc<Batch>>,
    places: Vec<Arc<Place>>,
}

/// One delivery of a chunk.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) delivery: DeliveryId,
    pub(crate) attempt: u32,
    place: u16,
    batch: u16,
    index: u32,
    pub(crate) recorded: Mutex<Recorded>,
    pub(crate) progress: Progress,
    /// What became of its value, where the topic has a schema.
    pub(crate) body: OnceLock<Box<Body>>,
}

/// Where a record came from, in names.
pub(crate) struct Place {
    pub(crate) group: Arc<str>,
    pub(crate) topic: Arc<str>,
    /// As handlers and configuration call the topic: by its name, or by the pattern that found it.
    pub(crate) called: Arc<str>,
    pub(crate) partition: i32,
    /// Of topic and topic id, for the journal.
    pub(crate) topic_hash: u64,
    pub(crate) identifier: Arc<Identifier>,
    /// For handlers that declared that they read.
    pub(crate) queries: Option<Queries>,
    /// Cleared when the partition is being given back or is gone: what was not started by then is not started any more.
    pub(crate) ours: AtomicBool,
    /// Set while a person has paused the topic: what was handed over and not started waits, too.
    pub(crate) paused: AtomicBool,
    /// Set when the assignment is over: results count no more, so nothing is published for it either.
    pub(crate) over: AtomicBool,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.topic, self.partition)
    }
}

/// What a handler recorded: it counts only if the handler succeeds.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) closed: bool,
    pub(crate) statements: Vec<Statement>,
    pub(crate) publishes: Vec<Publish>,
    /// The attempt's place in its trace, if somebody receives spans.
    pub(crate) traceparent: Option<Box<str>>,
}

impl Chunk {
    /// Adds a delivery. A chunk is short, so the lists fit their indexes.
    pub(crate) fn push(&mut self, delivery: DeliveryId, attempt: u32, place: &Arc<Place>, batch: &Arc<Batch>, index: u32) {
        let (place, batch) = (shared(&mut self.places, place), shared(&mut self.batches, batch));
        self.items.push(Item {
            delivery,
            attempt,
            place,
            batch,
            index,
            recorded: Mutex::default(),
            progress: Progress::default(),
            body: OnceLock::new(),
        });
    }

    /// Keeps an outcome until it is reported. Returns how many are kept.
    pub(crate) fn ended(&self, completion: Completion) -> usize {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.capacity() == 0 {
            ended.reserve(self.items.len());
        }
        ended.push(completion);
        ended.len()
    }

    /// Reports outcomes. Whoever comes second waits until the first has reported: the outcomes of a run keep their order.
    pub(crate) fn report_ended(&self, report: impl FnOnce(Vec<Completion>)) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !ended.is_empty() {
            report(std::mem::take(&mut *ended));
        }
    }

    pub(crate) fn place(&self, item: &Item) -> &Arc<Place> {
        &self.places[usize::from(item.place)]
    }

    /// What the journal calls an event of this chunk.
    #[inline]
    pub(crate) fn name(&self, item: &Item) -> Name {
        let (place, meta) = (self.place(item), self.record(item).meta);
        Name::new(place.topic_hash, place.partition, meta.offset, meta.identity)
    }

    pub(crate) fn record(&self, item: &Item) -> Record<'_> {
        self.batches[usize::from(item.batch)].record(item.index as usize)
    }
}

/// The index of a value in a list, which mostly holds it at its end.
fn shared<T>(list: &mut Vec<Arc<T>>, value: &Arc<T>) -> u16 {
    let found = list.iter().rposition(|known| Arc::ptr_eq(known, value));
    let index = found.unwrap_or_else(|| {
        list.push(Arc::clone(value));
        list.len() - 1
    });
    u16::try_from(index).unwrap_or(u16::MAX)
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Chunk").field("items", &self.items.len()).field("runs", &self.ends.len()).finish()
    }
}

impl Item {
    /// Whether nobody knows its schema while the registry is away: then no handler is called, and it is no attempt.
    pub(crate) fn waits(&self) -> bool {
        self.body.get().is_some_and(|body| body.waits())
    }

    /// How its attempt ends if its value can't be decoded: without a handler.
    pub(crate) fn undecoded(&self) -> Option<Failure> {
        self.body.get().and_then(|body| body.failure())
    }

    /// Asks the handler to stop.
    pub(crate) fn cancel(&self) -> Cancelled {
        self.progress.cancel()
    }

    /// Takes what the handler recorded; whatever a forgotten task records later is refused.
    pub(crate) fn close(&self) -> Recorded {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *recorded, Recorded { closed: true, ..Recorded::default() })
    }
}

impl Event {
    pub(crate) fn new(chunk: Arc<Chunk>, index: usize) -> Self {
        Self { chunk, index: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    pub(crate) fn item(&self) -> &Item {
        &self.chunk.items[self.index as usize]
    }

    pub(crate) fn record(&self) -> Record<'_> {
        self.chunk.record(self.item())
    }

    pub(crate) fn place(&self) -> &Arc<Place> {
        self.chunk.place(self.item())
    }

    /// The source topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.place().topic
    }

    /// The partition's number.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.place().partition
    }

    /// The record's offset.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.record().meta.offset.0
    }

    /// The record key; `None` is Kafka's null.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.record().key()
    }

    /// The value; `None` is Kafka's null (a tombstone).
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.record().value()
    }

    /// All headers in order, repeated ones included.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = Header<'_>> {
        self.record().headers()
    }

    /// The last header of this name that is not null.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.record().header(name)
    }

    /// The record's timestamp, in milliseconds since 1970.
    #[must_use]
    pub fn timestamp(&self) -> Option<i64> {
        self.record().meta.timestamp
    }

    /// The event's id as the producer gave it; else its coordinates, as `topic/partition/offset`.
    #[must_use]
    pub fn id(&self) -> String {
        self.place().event_id(&self.record())
    }

    /// The event's type, from where the topic's `event_type` says; `None` when it says none, or its value can't be read.
    #[must_use]
    pub fn event_type(&self) -> Option<String> {
        self.place().identifier.event_type(&self.record()).ok().flatten().map(Cow::into_owned)
    }

    /// The id of the business flow: from the headers, else from `traceparent`, else made from the record's place.
    #[must_use]
    pub fn correlation_id(&self) -> String {
        correlation::of(&self.record(), self.topic(), self.partition())
    }

    /// The id of the event that caused this one, if its producer said so.
    #[must_use]
    pub fn causation_id(&self) -> Option<String> {
        self.header(wire::CAUSATION_ID).and_then(correlation::printable)
    }

    /// The W3C trace context for calls to other services: this attempt's span, if [spans are sent](crate::Builder::otlp); else the
    /// producer's context as it came in, if there is one.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        let ours = self.item().recorded.lock().unwrap_or_else(PoisonError::into_inner).traceparent.as_deref().map(str::to_owned);
        let incoming = || self.header(wire::TRACEPARENT).filter(|header| correlation::trace_id(header).is_some());
        ours.or_else(|| incoming().and_then(|header| String::from_utf8(header.to_vec()).ok()))
    }

    /// The number of this handler call for this event, counted from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.item().attempt
    }

    /// Whether it is a dead letter that is handled again.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.record().meta.replays.is_some()
    }

    /// Whether its partition is gone meanwhile: lost, or given back without waiting for this handler any longer. What the handler does counts
    /// no more, and the event is handled by the partition's next owner. A handler that awaits something is stopped then; one that blocks can ask.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.place().is_over()
    }

    /// A key for the other side of a call that is no effect (a payment, an e-mail): the same for every attempt and every redelivery of
    /// this event in this group. 32 hex digits.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        let hash = blake3::hash(format!("{}\n{}\n{}", self.place().group, self.topic(), self.id()).as_bytes());
        hash.to_hex()[..32].to_owned()
    }

    /// The value as JSON; of a topic with a schema, as the schema decoded it.
    ///
    /// # Errors
    /// [`DecodeError`] when it is not the JSON that `T` expects. Returned with `?`, it sends the event to the dead-letter topic at once.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        Ok(serde_json::from_slice(self.body().unwrap_or_default())?)
    }

    /// What [`Event::json`] reads: the value, or the JSON that the topic's schema made of it. [`Event::value`] has the bytes of the record.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        match self.item().body.get().map(|body| &**body) {
            Some(Body::Read { text: Some(text), .. }) => Some(text),
            Some(Body::Read { from, .. }) => self.value().and_then(|value| value.get(*from..)),
            _ => self.value(),
        }
    }

    /// Whether a schema decoded the value: then [`Event::body`] is JSON, and valid.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        matches!(self.item().body.get().map(|body| &**body), Some(Body::Read { .. }))
    }

    /// The id of the schema that wrote the value, where the topic has a schema and the record says it.
    #[must_use]
    pub fn schema(&self) -> Option<&SchemaId> {
        match self.item().body.get().map(|body| &**body) {
            Some(Body::Read { schema, .. }) => schema.as_ref(),
            _ => None,
        }
    }

    /// Records a statement that commits in the transaction of this event's mark: exactly once, power cut included.
    ///
    /// Deferred: nothing runs now. A failing statement is a failed attempt of this event. `?` is the placeholder on every store.
    /// Nothing is recorded after the handler has ended.
    pub fn effect(&self, sql: impl Into<Cow<'static, str>>, params: impl IntoParams) {
        self.with_statement(Statement { sql: sql.into(), params: params.into_params(), expect_rows: None });
    }

    /// As [`Event::effect`], and the statement must change exactly so many rows (or return them, if it changes none). Any other number is
    /// a failed attempt of this event (`EffectFailed`), and nothing of it is kept: `UPDATE … WHERE version = ?` with one row expected is a
    /// check and a write in one.
    pub fn effect_expecting(&self, rows: u64, sql: impl Into<Cow<'static, str>>, params: impl IntoParams) {
        self.with_statement(Statement { sql: sql.into(), params: params.into_params(), expect_rows: Some(rows) });
    }

    fn with_statement(&self, statement: Statement) {
        self.with_recorded(|recorded| recorded.statements.push(statement));
    }

    /// Reads your tables in the inbox's file: `let rows: Vec<(String, i64)> = event.query("SELECT …", (key,))?`.
    ///
    /// It sees everything that was committed before this event was dispatched, so all effects of earlier events of its key; not what this
    /// handler has recorded. Runs now and on this thread: keep it short. The handler must be registered with
    /// [`HandlerOptions::reads`](crate::HandlerOptions::reads).
    ///
    /// # Errors
    /// [`QueryError`] when SQLite refuses the statement, when it would write, or when a row is not what `T` expects.
    pub fn query<T: FromRow>(&self, sql: &str, params: impl IntoParams) -> Result<Vec<T>, QueryError> {
        let Some(queries) = &self.place().queries else {
            return Err(QueryError("register this handler with on_with(topic, HandlerOptions::new().reads(), handler)".to_owned()));
        };
        let rows = queries.run(sql, &params.into_params()).map_err(QueryError)?;
        rows.into_iter().map(T::from_row).collect()
    }

    /// Publishes an event when this handler succeeds; what a failed attempt published is discarded.
    ///
    /// Its id is derived from this event's, the target and the order of publishes, so that a repeated handling publishes the same id and
    /// the next Onceward consumer drops the copy.
    pub fn publish(&self, publish: Publish) {
        self.with_recorded(|recorded| recorded.publishes.push(publish));
    }

    fn with_recorded(&self, record: impl FnOnce(&mut Recorded)) {
        let mut recorded = self.item().recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.closed {
            tracing::warn!(
                target: "onceward", correlation_id = %self.correlation_id(),
                topic = self.topic(), partition = self.partition(), offset = self.offset(), attempt = self.attempt(),
                "an effect or publish was recorded after the handler had ended; it is ignored: await everything before you return"
            );
            return;
        }
        record(&mut recorded);
    }
}

/// Where it came from, and no payload: `#[tracing::instrument]` writes its arguments into the log.
impl std::fmt::Debug for Event {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Event")
            .field("topic", &self.topic())
            .field("partition", &self.partition())
            .field("offset", &self.offset())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}

impl Place {
    /// Whether handlers may be started for this assignment now.
    pub(crate) fn may_start(&self) -> bool {
        self.ours.load(Ordering::Acquire) && !self.paused.load(Ordering::Acquire)
    }

    /// A person pauses the topic, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    /// Whether the assignment is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Nothing of this assignment has an effect any more.
    pub(crate) fn end(&self) {
        self.give_up();
        self.over.store(true, Ordering::Release);
    }

    /// No handler is started any more for this assignment.
    pub(crate) fn give_up(&self) {
        self.ours.store(false, Ordering::Release);
    }

    /// The id of a record as people write it.
    pub(crate) fn event_id(&self, record: &Record<'_>) -> String {
        self.identifier.text(record).unwrap_or_else(|| format!("{}/{}/{}", self.topic, self.partition, record.meta.offset.0))
    }
}
