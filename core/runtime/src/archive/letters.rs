//! Reads letters that are handled again, in the order in which they are asked for.
//!
//! Letters of a partition are asked for by rising offset, so most of them are a step ahead of the one before; only a jump makes the client
//! fetch anew. What is read and not handed in yet is bounded: the engine takes letters as far as it has room.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use onceward_engine::{EventHash, LetterPlace, Rejection};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset as At, TopicPartitionList};

use super::tail::no_queue;
use super::{ArchiveFact, ArchiveSink, Wanted};
use crate::Error;
use crate::inbox::Identity;
use crate::kafka::context::Context;
use crate::kafka::fault::{self, Fault};
use crate::kafka::sys::{Event, EventKind, Queue, RawRecord};
use crate::kafka::{BatchBuilder, RecordMeta};
use crate::letter::scan::{leave, open};
use crate::letter::{is_ours, letter_id};
use crate::wire::{letter, spring};

/// A jump over fewer letters than this is read through.
const NEAR: i64 = 2_000;
/// Letters per fact.
const MOST: usize = 256;
/// Bytes of letters that are read and not handed in.
const AHEAD: u64 = 8 << 20;

/// How much is read and not handed in.
#[derive(Default)]
pub(crate) struct Brim {
    bytes: Mutex<u64>,
    room: Condvar,
}

impl Brim {
    pub(crate) fn taken(&self, bytes: u64) {
        let mut held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.saturating_sub(bytes);
        self.room.notify_all();
    }

    fn add(&self, bytes: u64) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) += bytes;
    }

    /// Waits for room, but not for ever: whoever waits looks now and then whether anybody wants letters at all.
    fn wait(&self) -> bool {
        let held = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, _) =
            self.room.wait_timeout_while(held, Duration::from_millis(200), |held| *held >= AHEAD).unwrap_or_else(PoisonError::into_inner);
        *held < AHEAD
    }
}

/// The loop's end of the thread, which ends when this is dropped.
pub(super) struct Letters {
    orders: Sender<Vec<Wanted>>,
    pub(super) brim: Arc<Brim>,
    over: Arc<AtomicBool>,
}

impl Drop for Letters {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Letters {
    pub(super) fn start(client: &[(String, String)], sink: ArchiveSink) -> Result<Self, Error> {
        let (orders, inbox) = crossbeam_channel::unbounded();
        let (brim, over) = (Arc::new(Brim::default()), Arc::new(AtomicBool::new(false)));
        let (client, shared, ends) = (client.to_vec(), Arc::clone(&brim), Arc::clone(&over));
        std::thread::Builder::new()
            .name("onceward-letters".to_owned())
            .spawn(move || run(&client, &inbox, &sink, (&shared, &ends)))
            .map_err(|error| fault::broker("starting the letters' thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { orders, brim, over })
    }

    pub(super) fn fetch(&self, letters: Vec<Wanted>) {
        if self.orders.send(letters).is_err() {
            tracing::debug!("the letters' thread ended; it has said why");
        }
    }
}

/// Most services replay seldom: the client is made when the first letter is wanted.
fn run(client: &[(String, String)], inbox: &Receiver<Vec<Wanted>>, sink: &ArchiveSink, (brim, over): (&Brim, &AtomicBool)) {
    let Ok(first) = inbox.recv() else { return };
    let opened = open(client).and_then(|consumer| {
        let queue = Queue::consumer(consumer.client().native_ptr()).ok_or_else(|| no_queue("reading dead letters"))?;
        Ok((consumer, queue))
    });
    let (consumer, queue) = match opened {
        Ok(opened) => opened,
        Err(error) => return sink(ArchiveFact::Fatal(error)),
    };
    let mut reader = Reader { consumer, queue, sink, brim, over, builder: BatchBuilder::default(), at: None };
    let mut asked = Some(first);
    while let Some(letters) = asked {
        for wanted in letters {
            if !reader.read(&wanted) {
                return reader.leave();
            }
        }
        asked = inbox.try_recv().ok();
        if asked.is_none() {
            reader.hand_over();
            asked = inbox.recv().ok();
        }
    }
    reader.leave();
}

struct Reader<'a> {
    consumer: BaseConsumer<Context>,
    queue: Queue,
    sink: &'a ArchiveSink,
    brim: &'a Brim,
    /// Nobody wants letters any more.
    over: &'a AtomicBool,
    builder: BatchBuilder,
    /// Where the next letter comes from: topic, partition, offset.
    at: Option<(Arc<str>, i32, i64)>,
}

impl Reader<'_> {
    fn leave(self) {
        let Self { consumer, queue, .. } = self;
        drop(queue);
        leave(consumer);
    }

    /// Reads one letter. `false`: nobody wants letters any more.
    fn read(&mut self, wanted: &Wanted) -> bool {
        while !self.brim.wait() {
            self.hand_over();
            if self.is_over() {
                return false;
            }
        }
        let place = wanted.place;
        let number = wanted.source.partition;
        let near = |(topic, partition, next): &(Arc<str>, i32, i64)| {
            *topic == wanted.topic && *partition == number && (*next..*next + NEAR).contains(&place.letter.0)
        };
        if !self.at.as_ref().is_some_and(near) {
            self.hand_over();
            self.jump(wanted);
        }
        let began = Instant::now();
        let mut told = false;
        loop {
            let Some(event) = self.queue.poll(Duration::from_millis(if self.builder.is_empty() { 200 } else { 0 })) else {
                self.hand_over();
                if self.is_over() {
                    return false;
                }
                if began.elapsed() > Duration::from_secs(10) && !std::mem::replace(&mut told, true) {
                    tracing::warn!(target: "onceward", topic = %wanted.topic, partition = number, offset = place.letter.0,
                        "a dead letter can't be read yet; the replay waits for its broker");
                }
                continue;
            };
            match self.serve(&event, wanted) {
                Served::Read => break,
                Served::Gone => {
                    self.gone(place);
                    break;
                }
                Served::Other => {}
            }
        }
        if self.builder.len() >= MOST {
            self.hand_over();
        }
        true
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn jump(&mut self, wanted: &Wanted) {
        let mut list = TopicPartitionList::new();
        let number = wanted.source.partition;
        let added = list.add_partition_offset(&wanted.topic, number, At::Offset(wanted.place.letter.0));
        if let Err(error) = added.and_then(|()| self.consumer.assign(&list)) {
            let cure = "This is a bug of Onceward: please report it with the log, and start again";
            (self.sink)(ArchiveFact::Fatal(fault::broker(format!("reading {}/{number}", wanted.topic), error.to_string(), cure)));
        }
        self.at = Some((Arc::clone(&wanted.topic), number, wanted.place.letter.0));
    }

    fn serve(&mut self, event: &Event, wanted: &Wanted) -> Served {
        match event.kind() {
            EventKind::Record => event.record().map_or(Served::Other, |record| self.record(&record, wanted)),
            EventKind::Error => self.error(event, wanted),
            _ => Served::Other,
        }
    }

    fn record(&mut self, record: &RawRecord<'_>, wanted: &Wanted) -> Served {
        let Some((topic, number, next)) = &mut self.at else { return Served::Other };
        if topic.as_bytes() != record.topic() || *number != record.partition() {
            return Served::Other;
        }
        let letter = wanted.place.letter.0;
        *next = record.offset().saturating_add(1);
        match record.offset() {
            offset if offset < letter => Served::Other,
            offset if offset > letter => {
                // It was deleted; this one may be wanted next.
                self.at = None;
                Served::Gone
            }
            _ => self.take(record, wanted),
        }
    }

    /// The event as it was: everything before the first header that a letter adds.
    fn take(&mut self, record: &RawRecord<'_>, wanted: &Wanted) -> Served {
        let (place, source) = (wanted.place, &wanted.source);
        self.builder.begin(record.key(), record.value());
        let (mut added, mut id, mut timestamp, mut append) = (false, None, None, false);
        let builder = &mut self.builder;
        let whole = record.headers(|name, value| {
            added = added || is_ours(name);
            if !added {
                builder.header(name, value);
            } else if name == letter::ID.as_bytes() {
                id = value.map(<[u8]>::to_vec);
            } else if name == spring::TIMESTAMP.as_bytes() {
                timestamp = value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes).filter(|at| *at >= 0);
            } else if name == spring::TIMESTAMP_TYPE.as_bytes() {
                append = value == Some(b"LogAppendTime");
            }
        });
        let expected = letter_id(&source.group, &source.topic, source.partition, place.offset.0);
        let same = id.as_deref() == Some(expected.as_bytes());
        let at = (place.partition, place.epoch, place.offset);
        let named = (&*source.topic, source.partition);
        let met = source.identifier.meta(&builder.begun(), at, wanted.policy, named);
        let mut meta = met.unwrap_or_else(|_| nobody_wants(&builder.begun(), wanted));
        (meta.timestamp, meta.append_time, meta.replays) = (timestamp, append, Some(place.replays));
        if let Identity::Coordinates { .. } = meta.identity {
            // The inbox remembers places by how far the group has come, and the group has passed this one because its letter was written, not
            // because it was handled. So the letter has a mark of its own.
            let own = of_letter(&expected);
            (meta.identity, meta.event) = (Identity::Event(own), own);
        }
        if !whole {
            meta.refused = Some(Rejection::Undecodable);
        }
        if !same {
            tracing::error!(target: "onceward", topic = %wanted.topic, partition = source.partition, offset = place.letter.0,
                "what stands here is not the letter that the ledger names: was the dead-letter topic deleted and made again?");
            self.builder.discard();
            return Served::Gone;
        }
        self.builder.finish(meta);
        Served::Read
    }

    fn error(&mut self, event: &Event, wanted: &Wanted) -> Served {
        let (Some(code), Some(place)) = (event.error(), event.place()) else { return Served::Other };
        let here = self.at.as_ref().is_some_and(|(topic, number, _)| **topic == *place.topic && *number == place.partition);
        if !here {
            return Served::Other;
        }
        if code == RDKafkaErrorCode::PartitionEOF {
            return if place.offset > wanted.place.letter.0 { Served::Gone } else { Served::Other };
        }
        match fault::sort(code, event.is_fatal(), &event.reason(), &place.topic) {
            Fault::Fatal(error) => {
                (self.sink)(ArchiveFact::Fatal(error));
                Served::Other
            }
            Fault::OutOfRange => {
                self.at = None;
                Served::Gone
            }
            Fault::Down | Fault::Passing => Served::Other,
        }
    }

    fn gone(&mut self, place: LetterPlace) {
        self.hand_over();
        let LetterPlace { partition, epoch, offset, .. } = place;
        (self.sink)(ArchiveFact::Gone { partition, epoch, offset });
    }

    fn hand_over(&mut self) {
        if self.builder.is_empty() {
            return;
        }
        let batch = self.builder.take();
        let bytes = batch.memory() as u64;
        self.brim.add(bytes);
        (self.sink)(ArchiveFact::Letters { batch, bytes });
    }
}

/// What an event without an id is marked as when its letter is handled. The letter's id holds group, topic and place.
fn of_letter(letter_id: &str) -> EventHash {
    let mut hash = [0; 16];
    blake3::Hasher::new_derive_key("onceward letter event 1").update(letter_id.as_bytes()).finalize_xof().fill(&mut hash);
    EventHash(u128::from_be_bytes(hash))
}

enum Served {
    Read,
    Gone,
    Other,
}

/// An event of a type that nobody handles any more fails again, and stays a letter.
fn nobody_wants<'a>(record: &impl crate::kafka::Fields<'a>, wanted: &Wanted) -> RecordMeta {
    let place = wanted.place;
    let known = wanted.source.identifier.identify(record, place.partition, place.offset);
    let mut meta = RecordMeta::new(place.partition, place.epoch, place.offset, known.identity, known.event, known.digest, wanted.policy);
    (meta.order_key, meta.refused) = (known.order_key, Some(Rejection::Rejected));
    meta
}
