//! Reads a topic from its oldest record to where it ends now, for tools: without joining the group, without committing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::Reach;
use crate::Error;
use crate::kafka::connect::sign_in;
use crate::kafka::context::Context;
use crate::kafka::fault::{self, Fault};
use crate::kafka::sys::{Event, EventKind, Queue, RawRecord};
use crate::kafka::token;
use crate::kafka::{Fields, Header};

/// How long the client may take to end; then it is left behind.
const LEAVE: Duration = Duration::from_secs(2);

/// Records that are fetched ahead, per partition.
const QUEUED: &str = "5000";

/// What to read.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// Properties of a consumer, see [`crate::kafka::consumer_properties`].
    pub client: &'a [(String, String)],
    /// The topic.
    pub topic: &'a str,
    /// One record only: its partition and offset.
    pub only: Option<(i32, i64)>,
    /// These parts only, see [`reaches`](super::reaches); `None`: from the oldest record to where the topic ends now.
    pub parts: Option<&'a [Reach]>,
    /// How long the brokers may be silent.
    pub timeout: Duration,
}

/// A record as it is stored, with raw bytes: names of headers need not be UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp in milliseconds since 1970, if it has one.
    pub timestamp: Option<i64>,
    /// The key; `None` is Kafka's null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is Kafka's null.
    pub value: Option<&'a [u8]>,
    /// All headers, in order.
    pub headers: &'a [Header<'a>],
}

impl<'a> Fields<'a> for &Stored<'a> {
    fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().rev().find(|header| header.name == name.as_bytes()).and_then(|header| header.value)
    }
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Offsets passed.
    pub done: u64,
    /// Offsets between the beginning and the end, as they were at the start; some may hold no record.
    pub total: u64,
}

/// Hands every record to `visit`, in offset order within a partition, until it breaks or the end is reached.
///
/// # Errors
/// [`Error::Topics`] when the topic does not exist, [`Error::Broker`] when no broker answers or the rights are missing.
pub fn scan(what: &Scan<'_>, mut visit: impl FnMut(&Stored<'_>, Extent) -> ControlFlow<()>) -> Result<Extent, Error> {
    let consumer = open(what.client)?;
    let result = read(&consumer, what, &mut visit);
    leave(consumer);
    result
}

/// A client that reads without a group, signed in.
pub(crate) fn open(client: &[(String, String)]) -> Result<BaseConsumer<Context>, Error> {
    let (mut config, endpoint) = token::client_config(client)?;
    config.set("enable.auto.commit", "false").set("enable.partition.eof", "true").set("auto.offset.reset", "error");
    // Every record that is fetched ahead costs half a kilobyte besides its bytes, and a tool has to fit beside the service: the usual
    // 100,000 would be more than the ledger of as many letters.
    config.set("queued.min.messages", QUEUED);
    // Whatever the user set: looking for a topic must not create it.
    config.set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer<Context> = config.create_with_context(Context).map_err(|error| {
        let cure = "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all";
        fault::broker("creating the Kafka client", error.to_string(), cure)
    })?;
    let signed_in = endpoint.map_or(Ok(()), |endpoint| sign_in(consumer.client().native_ptr(), &endpoint));
    if let Err(error) = signed_in {
        leave(consumer);
        return Err(error);
    }
    Ok(consumer)
}

fn read(
    consumer: &BaseConsumer<Context>,
    what: &Scan<'_>,
    visit: &mut impl FnMut(&Stored<'_>, Extent) -> ControlFlow<()>,
) -> Result<Extent, Error> {
    let queue = Queue::consumer(consumer.client().native_ptr())
        .ok_or_else(|| fault::broker(format!("reading {}", what.topic), "the client has no queue", "Set `group`"))?;
    let mut left = extents(consumer, what)?;
    let mut extent = Extent { done: 0, total: left.values().map(Span::length).fold(0, u64::saturating_add) };
    if left.is_empty() {
        return Ok(extent);
    }
    let mut places = TopicPartitionList::new();
    for (partition, span) in &left {
        places.add_partition_offset(what.topic, *partition, Offset::Offset(span.next)).map_err(|error| refused(what, &error))?;
    }
    consumer.assign(&places).map_err(|error| refused(what, &error))?;
    let mut heard = Instant::now();
    while !left.is_empty() {
        let Some(event) = queue.poll(Duration::from_millis(100)) else {
            if heard.elapsed() > what.timeout {
                return Err(silent(what));
            }
            continue;
        };
        match event.kind() {
            EventKind::Record => {
                heard = Instant::now();
                if let Some(record) = event.record()
                    && advance(&mut left, &mut extent, record.partition(), record.offset())
                    && pass(&record, extent, visit).is_break()
                {
                    return Ok(extent);
                }
            }
            EventKind::Error => ended(&event, what, &mut left)?,
            _ => {}
        }
        left.retain(|_, span| span.next < span.end);
    }
    Ok(extent)
}

/// The part of a partition that is still to be read.
struct Span {
    next: i64,
    end: i64,
}

impl Span {
    fn length(&self) -> u64 {
        u64::try_from(self.end.saturating_sub(self.next)).unwrap_or(0)
    }
}

/// Whether the record lies in what is to be read; records behind the end that was seen at the start are left for another scan.
fn advance(left: &mut BTreeMap<i32, Span>, extent: &mut Extent, partition: i32, offset: i64) -> bool {
    let Some(span) = left.get_mut(&partition).filter(|span| offset >= span.next) else { return false };
    let within = offset < span.end;
    let next = offset.saturating_add(1).min(span.end);
    extent.done = extent.done.saturating_add(u64::try_from(next.saturating_sub(span.next)).unwrap_or(0));
    span.next = next;
    within
}

fn pass(record: &RawRecord<'_>, extent: Extent, visit: &mut impl FnMut(&Stored<'_>, Extent) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut copies: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
    // Headers that can't be parsed are shown as far as they could be: a tool that hides the record would be of no help with it.
    let _whole = record.headers(|name, value| copies.push((name.to_vec(), value.map(<[u8]>::to_vec))));
    let headers: Vec<Header<'_>> = copies.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
    let stored = Stored {
        partition: record.partition(),
        offset: record.offset(),
        timestamp: record.timestamp().0,
        key: record.key(),
        value: record.value(),
        headers: &headers,
    };
    visit(&stored, extent)
}

fn extents(consumer: &BaseConsumer<Context>, what: &Scan<'_>) -> Result<BTreeMap<i32, Span>, Error> {
    if let Some(parts) = what.parts {
        let mut spans = BTreeMap::new();
        for part in parts.iter().filter(|part| part.from < part.end) {
            let (oldest, end) =
                consumer.fetch_watermarks(what.topic, part.partition, what.timeout).map_err(|error| refused(what, &error))?;
            // Retention may have taken the beginning, or all of it.
            let span = Span { next: part.from.max(oldest), end: part.end.min(end) };
            if span.next < span.end {
                spans.insert(part.partition, span);
            }
        }
        return Ok(spans);
    }
    let metadata = consumer.fetch_metadata(Some(what.topic), what.timeout).map_err(|error| refused(what, &error))?;
    let missing =
        || Error::Topics(format!("topic {} does not exist; create it with `onceward topics apply` or correct its name", what.topic));
    let topic = metadata.topics().iter().find(|topic| topic.name() == what.topic).ok_or_else(missing)?;
    match topic.error().map(RDKafkaErrorCode::from) {
        None => {}
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => return Err(missing()),
        Some(code) => return Err(refused(what, &KafkaError::MetadataFetch(code))),
    }
    let mut spans = BTreeMap::new();
    for partition in topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id) {
        if what.only.is_some_and(|(wanted, _)| wanted != partition) {
            continue;
        }
        let (oldest, end) = consumer.fetch_watermarks(what.topic, partition, what.timeout).map_err(|error| refused(what, &error))?;
        let span = match what.only {
            Some((_, offset)) if offset >= oldest => Span { next: offset, end: end.min(offset.saturating_add(1)) },
            Some(_) => continue,
            None => Span { next: oldest, end },
        };
        if span.next < span.end {
            spans.insert(partition, span);
        }
    }
    Ok(spans)
}

fn ended(event: &Event, what: &Scan<'_>, left: &mut BTreeMap<i32, Span>) -> Result<(), Error> {
    let Some(code) = event.error() else { return Ok(()) };
    let place = event.place();
    if code == RDKafkaErrorCode::PartitionEOF {
        if let Some(place) = place {
            left.remove(&place.partition);
        }
        return Ok(());
    }
    match fault::sort(code, event.is_fatal(), &event.reason(), what.topic) {
        Fault::Fatal(error) => Err(error),
        // Retention deleted the oldest records between the look at the ends and the read: the letters are gone, and so is the span.
        Fault::OutOfRange => {
            if let Some(place) = place {
                left.remove(&place.partition);
            }
            Ok(())
        }
        // librdkafka goes on trying; the timeout says when we stop.
        Fault::Down | Fault::Passing => Ok(()),
    }
}

fn refused(what: &Scan<'_>, error: &KafkaError) -> Error {
    let cure = error.rdkafka_error_code().and_then(fault::cure);
    let cure = cure.unwrap_or("Check that `brokers` is right, that a broker runs there, and that this user may read the topic");
    fault::broker(format!("reading {}", what.topic), error.to_string(), cure)
}

fn silent(what: &Scan<'_>) -> Error {
    let cause = format!("no record for {} s", what.timeout.as_secs());
    fault::broker(format!("reading {}", what.topic), cause, "Check that its brokers are up, and give them more time with --timeout")
}

/// Destroying a client may block without limit when its broker is gone, so that happens on another thread, which is left behind.
pub(crate) fn leave(consumer: BaseConsumer<Context>) {
    let (done, finished) = crossbeam_channel::bounded::<()>(1);
    let ending = std::thread::Builder::new().name("onceward-close".to_owned()).spawn(move || {
        drop(consumer);
        drop(done);
    });
    if ending.is_ok() && finished.recv_timeout(LEAVE) == Err(crossbeam_channel::RecvTimeoutError::Timeout) {
        tracing::debug!("the client of a scan did not end in time and is left behind");
    }
}
