//! Reads letters that are handled again, and hands them over in the order in which they are asked for.
//!
//! Letters are asked for by the offsets of their events, and stand in the dead-letter topic in the order in which they failed. So what is asked
//! for together is read in the topic's order, in one go, and put into the other order afterwards: a jump costs a round trip and more. What
//! is read and not handed in yet is bounded, since the engine takes letters only as far as it has room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset as At, TopicPartitionList};

use super::rebuild::rebuild;
use super::tail::no_queue;
use super::{ArchiveFact, ArchiveSink, LetterAnswer, Wanted};
use crate::Error;
use crate::kafka::BatchBuilder;
use crate::kafka::context::Context;
use crate::kafka::fault::{self, Fault};
use crate::kafka::sys::{Event, EventKind, Queue, RawRecord};
use crate::letter::scan::{leave, open};

/// A jump over fewer letters than this is read through.
const NEAR: i64 = 2_000;
/// Letters that are read in one go.
const MOST: usize = 2_048;
/// How long a broker may keep a fetch that finds nothing new: a jump has to wait for it.
const FETCH_WAIT: &str = "20";
/// How long the broker may take to say which letter is the oldest.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of letters that are read and not handed in.
const AHEAD: u64 = 8 << 20;

/// What is asked of the thread.
enum Order {
    Fetch(Vec<Wanted>),
    Oldest { partition: PartitionId, epoch: Epoch, topic: Arc<str>, number: i32 },
}

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
    orders: Sender<Order>,
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
        self.order(Order::Fetch(letters));
    }

    pub(super) fn find_oldest(&self, partition: PartitionId, epoch: Epoch, topic: Arc<str>, number: i32) {
        self.order(Order::Oldest { partition, epoch, topic, number });
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("the letters' thread ended; it has said why");
        }
    }
}

/// Most services replay seldom: the client is made when the first letter is wanted.
fn run(client: &[(String, String)], inbox: &Receiver<Order>, sink: &ArchiveSink, (brim, over): (&Brim, &AtomicBool)) {
    let Ok(first) = inbox.recv() else { return };
    let mut client = client.to_vec();
    client.push(("fetch.wait.max.ms".to_owned(), FETCH_WAIT.to_owned()));
    // Somebody else's open transaction must not look like the end of the log. Whether a record is the letter that is wanted is seen by its id.
    client.push(("isolation.level".to_owned(), "read_uncommitted".to_owned()));
    let opened = open(&client).and_then(|consumer| {
        let queue = Queue::consumer(consumer.client().native_ptr()).ok_or_else(|| no_queue("reading dead letters"))?;
        Ok((consumer, queue))
    });
    let (consumer, queue) = match opened {
        Ok(opened) => opened,
        Err(error) => return sink(ArchiveFact::Fatal(error)),
    };
    let mut reader = Reader { consumer, queue, sink, brim, over, builder: BatchBuilder::default(), at: None };
    let mut asked = VecDeque::new();
    reader.take(first, &mut asked);
    loop {
        inbox.try_iter().for_each(|order| reader.take(order, &mut asked));
        if asked.is_empty() {
            reader.rest();
            let Ok(more) = inbox.recv() else { return reader.leave() };
            reader.take(more, &mut asked);
        }
        if !reader.read(&mut asked) {
            return reader.leave();
        }
    }
}

/// What became of a letter that is read together with others.
#[derive(Clone, Copy)]
enum Found {
    /// Its place in the batch.
    Read(u32),
    Gone,
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

    fn take(&self, order: Order, asked: &mut VecDeque<Wanted>) {
        match order {
            Order::Fetch(letters) => asked.extend(letters),
            Order::Oldest { partition, epoch, topic, number } => match self.consumer.fetch_watermarks(&topic, number, PATIENCE) {
                Ok((oldest, _)) => (self.sink)(ArchiveFact::OldestLetter { partition, epoch, oldest: Offset(oldest) }),
                Err(error) => tracing::debug!(%topic, number, %error, "looking up the oldest dead letter"),
            },
        }
    }

    /// Nothing is wanted for now: a client that stands at the end of a topic would ask for more all the time.
    fn rest(&mut self) {
        if self.at.take().is_some()
            && let Err(error) = self.consumer.unassign()
        {
            tracing::debug!(%error, "leaving the dead-letter topic");
        }
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Reads the first that are asked for, as far as they are of one partition, and hands them over. `false`: nobody wants letters any more.
    fn read(&mut self, asked: &mut VecDeque<Wanted>) -> bool {
        while !self.brim.wait() {
            if self.is_over() {
                return false;
            }
        }
        let of = |wanted: &Wanted| (Arc::clone(&wanted.topic), wanted.source.partition);
        let Some(first) = asked.front().map(of) else { return true };
        // A partition that went and came back may want a letter twice.
        let mut places = BTreeSet::new();
        let together = asked.iter().take(MOST).take_while(|wanted| of(wanted) == first && places.insert(wanted.place.letter.0)).count();
        let letters: Vec<Wanted> = asked.drain(..together).collect();
        let mut found = vec![None; letters.len()];
        if !self.collect(&letters, &mut found) {
            return false;
        }
        // Where they are large, those behind the first that was not reached have to wait for their turn.
        let reached = found.iter().take_while(|found| found.is_some()).count();
        let answers = found.into_iter().flatten().zip(&letters).take(reached).map(|(found, wanted)| match found {
            Found::Read(index) => LetterAnswer::Letter(index),
            Found::Gone => LetterAnswer::Gone { partition: wanted.place.partition, epoch: wanted.place.epoch, offset: wanted.place.offset },
        });
        let answers: Vec<LetterAnswer> = answers.collect();
        for wanted in letters.into_iter().skip(reached).rev() {
            asked.push_front(wanted);
        }
        let batch = self.builder.take();
        let bytes = batch.memory() as u64;
        self.brim.add(bytes);
        (self.sink)(ArchiveFact::Letters { batch, answers, bytes });
        true
    }

    /// Reads letters in the order of their topic, the first of them in any case. `false`: nobody wants letters any more.
    fn collect(&mut self, letters: &[Wanted], found: &mut [Option<Found>]) -> bool {
        let mut left: BTreeMap<i64, usize> = letters.iter().enumerate().map(|(index, wanted)| (wanted.place.letter.0, index)).collect();
        let (mut heard, mut told) = (Instant::now(), false);
        while let Some((&next, _)) = left.first_key_value() {
            if self.builder.bytes() as u64 >= AHEAD {
                if found.first().is_none_or(Option::is_some) {
                    return true;
                }
                // What is large and stands before the first is read again when its turn comes.
                drop(self.builder.take());
                found.fill(None);
                let first = letters.first().map_or(next, |wanted| wanted.place.letter.0);
                left = BTreeMap::from([(first, 0)]);
                self.at = None;
                continue;
            }
            let near = |(topic, partition, at): &(Arc<str>, i32, i64)| {
                letters.first().is_some_and(|wanted| *topic == wanted.topic && *partition == wanted.source.partition)
                    && (*at..at.saturating_add(NEAR)).contains(&next)
            };
            if !self.at.as_ref().is_some_and(near)
                && let Some(wanted) = letters.first()
            {
                self.jump(wanted, next);
            }
            let Some(event) = self.queue.poll(Duration::from_millis(200)) else {
                if self.is_over() {
                    return false;
                }
                if heard.elapsed() > Duration::from_secs(10) && !std::mem::replace(&mut told, true) {
                    tracing::warn!(target: "onceward", topic = %letters[0].topic, partition = letters[0].source.partition, offset = next,
                        "a dead letter can't be read yet; the replay waits for its broker");
                }
                continue;
            };
            heard = Instant::now();
            self.serve(&event, letters, &mut left, found);
        }
        true
    }

    fn jump(&mut self, wanted: &Wanted, to: i64) {
        let mut list = TopicPartitionList::new();
        let number = wanted.source.partition;
        let added = list.add_partition_offset(&wanted.topic, number, At::Offset(to));
        if let Err(error) = added.and_then(|()| self.consumer.assign(&list)) {
            let cure = "This is a bug of Onceward: please report it with the log, and start again";
            (self.sink)(ArchiveFact::Fatal(fault::broker(format!("reading {}/{number}", wanted.topic), error.to_string(), cure)));
        }
        self.at = Some((Arc::clone(&wanted.topic), number, to));
    }

    fn serve(&mut self, event: &Event, letters: &[Wanted], left: &mut BTreeMap<i64, usize>, found: &mut [Option<Found>]) {
        match event.kind() {
            EventKind::Record => {
                if let Some(record) = event.record() {
                    self.record(&record, letters, left, found);
                }
            }
            EventKind::Error => self.error(event, left, found),
            _ => {}
        }
    }

    fn record(&mut self, record: &RawRecord<'_>, letters: &[Wanted], left: &mut BTreeMap<i64, usize>, found: &mut [Option<Found>]) {
        let Some((topic, number, next)) = &mut self.at else { return };
        // What was under way before a jump.
        if topic.as_bytes() != record.topic() || *number != record.partition() || record.offset() < *next {
            return;
        }
        *next = record.offset().saturating_add(1);
        missed(left, found, record.offset());
        if let Some(index) = left.remove(&record.offset()) {
            let place = u32::try_from(self.builder.len()).unwrap_or(u32::MAX);
            found[index] = Some(if rebuild(&mut self.builder, record, &letters[index]) { Found::Read(place) } else { Found::Gone });
        }
    }

    fn error(&mut self, event: &Event, left: &mut BTreeMap<i64, usize>, found: &mut [Option<Found>]) {
        let (Some(code), Some(place)) = (event.error(), event.place()) else { return };
        let here = |(topic, number, _): &(Arc<str>, i32, i64)| **topic == *place.topic && *number == place.partition;
        if !self.at.as_ref().is_some_and(here) {
            return;
        }
        if code == RDKafkaErrorCode::PartitionEOF {
            missed(left, found, place.offset);
            self.look_behind_the_end(left, found);
            return;
        }
        match fault::sort(code, event.is_fatal(), &event.reason(), &place.topic) {
            Fault::Fatal(error) => (self.sink)(ArchiveFact::Fatal(error)),
            Fault::OutOfRange => {
                // Only where reading began is known not to be there.
                if let Some((_, index)) = left.pop_first() {
                    found[index] = Some(Found::Gone);
                }
                self.at = None;
            }
            Fault::Down | Fault::Passing => {}
        }
    }
}

impl Reader<'_> {
    /// Letters that would stand where the log ends, or behind that: the topic was deleted and made again, or lost its newest records. Where it
    /// ends is asked again, since a broker that has just become leader may say too little at first.
    fn look_behind_the_end(&mut self, left: &mut BTreeMap<i64, usize>, found: &mut [Option<Found>]) {
        if left.is_empty() {
            return;
        }
        let Some((topic, number, _)) = &self.at else { return };
        match self.consumer.fetch_watermarks(topic, *number, PATIENCE) {
            Ok((_, end)) => left.split_off(&end).into_values().for_each(|index| found[index] = Some(Found::Gone)),
            Err(error) => {
                tracing::debug!(%topic, number, %error, "looking up where the dead-letter topic ends");
                // The end is told once; whoever comes there again hears of it again.
                self.at = None;
            }
        }
    }
}

/// Letters before an offset that was reached without them were deleted.
fn missed(left: &mut BTreeMap<i64, usize>, found: &mut [Option<Found>], reached: i64) {
    while let Some((&position, &index)) = left.first_key_value()
        && position < reached
    {
        left.pop_first();
        found[index] = Some(Found::Gone);
    }
}
