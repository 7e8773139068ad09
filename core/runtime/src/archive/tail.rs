//! Reads ledgers from their beginnings, and goes on as they grow.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use onceward_engine::{Epoch, Offset, PartitionId};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset as From, TopicPartitionList};

use super::{ArchiveFact, ArchiveSink, LedgerItem, Told};
use crate::Error;
use crate::kafka::context::Context;
use crate::kafka::fault::{self, Fault};
use crate::kafka::sys::{Event, EventKind, Queue, RawRecord};
use crate::ledger::Unreadable;
use crate::letter::scan::{leave, open};

/// How long a broker may keep a fetch that finds nothing new. An owner that has read its ledger hears of the end only then, and
/// a partition that comes to a client waits for the fetch that is under way: by librdkafka's default of half a second that is up to a second
/// for each assignment. Ten small requests a second for each broker are the price.
const FETCH_WAIT: &str = "100";
/// Records per fact: enough to make the hand-over cheap.
const MOST: usize = 512;

enum Order {
    Read { partition: PartitionId, epoch: Epoch, reading: u32, topic: Arc<str>, number: i32 },
    Stop { partition: PartitionId, epoch: Epoch },
}

/// The loop's end of the thread, which ends when this is dropped.
pub(super) struct Tail {
    orders: Option<Sender<Order>>,
    bell: Bell,
}

/// Wakes the thread. It takes the queue out before its client goes, so that nobody rings at a queue that is gone.
type Bell = Arc<Mutex<Option<Queue>>>;

fn ring(bell: &Bell) {
    if let Some(queue) = bell.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        queue.wake();
    }
}

impl Tail {
    pub(super) fn start(client: &[(String, String)], sink: ArchiveSink) -> Result<Self, Error> {
        let mut client = client.to_vec();
        client.push(("fetch.wait.max.ms".to_owned(), FETCH_WAIT.to_owned()));
        let consumer = open(&client)?;
        let queue = || Queue::consumer(consumer.client().native_ptr()).ok_or_else(|| no_queue("reading ledgers"));
        let (queue, bell) = (queue()?, Arc::new(Mutex::new(Some(queue()?))));
        let (orders, inbox) = crossbeam_channel::unbounded();
        let thread =
            Thread { consumer, queue, bell: Arc::clone(&bell), inbox, sink, readings: BTreeMap::new(), read: Vec::new(), foreign: false };
        std::thread::Builder::new()
            .name("onceward-ledger".to_owned())
            .spawn(move || thread.run())
            .map_err(|error| fault::broker("starting the ledger's thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { orders: Some(orders), bell })
    }

    pub(super) fn read(&self, partition: PartitionId, epoch: Epoch, reading: u32, topic: Arc<str>, number: i32) {
        self.order(Order::Read { partition, epoch, reading, topic, number });
    }

    pub(super) fn stop(&self, partition: PartitionId, epoch: Epoch) {
        self.order(Order::Stop { partition, epoch });
    }

    fn order(&self, order: Order) {
        // A thread that ended has said why.
        if self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok()) {
            ring(&self.bell);
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.orders = None;
        ring(&self.bell);
    }
}

pub(super) fn no_queue(what: &str) -> Error {
    fault::broker(what, "the client has no queue", "Set `group`")
}

/// A ledger that is read.
struct Reading {
    partition: PartitionId,
    epoch: Epoch,
    /// How often it was begun with in this assignment.
    reading: u32,
    /// It was read to its end once.
    ended: bool,
}

struct Thread {
    consumer: BaseConsumer<Context>,
    queue: Queue,
    bell: Bell,
    inbox: Receiver<Order>,
    sink: ArchiveSink,
    /// By topic and partition.
    readings: BTreeMap<Arc<str>, BTreeMap<i32, Reading>>,
    read: Vec<LedgerItem>,
    /// Records that are none of a ledger's were met, and it was said.
    foreign: bool,
}

impl Thread {
    fn run(mut self) {
        loop {
            loop {
                match self.inbox.try_recv() {
                    Ok(order) => self.take(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = None;
                        let Self { consumer, queue, .. } = self;
                        drop(queue);
                        return leave(consumer);
                    }
                }
            }
            let Some(event) = self.queue.poll(Duration::from_secs(1)) else { continue };
            self.serve(&event);
            while self.read.len() < MOST
                && let Some(event) = self.queue.poll(Duration::ZERO)
            {
                self.serve(&event);
            }
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if !self.read.is_empty() {
            (self.sink)(ArchiveFact::Ledger(std::mem::take(&mut self.read)));
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Read { partition, epoch, reading, topic, number } => {
                if self.readings.get(&topic).is_some_and(|numbers| numbers.contains_key(&number)) {
                    self.assign(&topic, number, false);
                }
                let reading = Reading { partition, epoch, reading, ended: false };
                self.readings.entry(Arc::clone(&topic)).or_default().insert(number, reading);
                self.assign(&topic, number, true);
            }
            Order::Stop { partition, epoch } => {
                let found = self.readings.iter().find_map(|(topic, numbers)| {
                    let over = |reading: &Reading| reading.partition == partition && reading.epoch == epoch;
                    numbers.iter().find(|(_, reading)| over(reading)).map(|(number, _)| (Arc::clone(topic), *number))
                });
                let Some((topic, number)) = found else { return };
                self.assign(&topic, number, false);
                if let Some(numbers) = self.readings.get_mut(&topic) {
                    numbers.remove(&number);
                }
            }
        }
    }

    /// Begins with a ledger at its beginning, or leaves it.
    fn assign(&self, topic: &str, number: i32, reads: bool) {
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(topic, number, From::Beginning);
        let done =
            added.and_then(|()| if reads { self.consumer.incremental_assign(&list) } else { self.consumer.incremental_unassign(&list) });
        if let Err(error) = done {
            let cure = "This is a bug of Onceward: please report it with the log, and start again";
            (self.sink)(ArchiveFact::Fatal(fault::broker(format!("reading {topic}/{number}"), error.to_string(), cure)));
        }
    }

    fn serve(&mut self, event: &Event) {
        match event.kind() {
            EventKind::Record => {
                if let Some(record) = event.record() {
                    self.record(&record);
                }
            }
            EventKind::Error => self.error(event),
            _ => {}
        }
    }

    fn record(&mut self, record: &RawRecord<'_>) {
        let Ok(topic) = std::str::from_utf8(record.topic()) else { return };
        let Some(reading) = self.readings.get(topic).and_then(|numbers| numbers.get(&record.partition())) else { return };
        let (partition, epoch, at, reading) = (reading.partition, reading.epoch, Offset(record.offset()), reading.reading);
        let Some(key) = record.key() else { return };
        match Told::read(key, record.value()) {
            Ok(what) => self.read.push(LedgerItem { partition, epoch, reading, at, what }),
            Err(why @ Unreadable::Newer(_)) => {
                // What counts could not be told from what does not.
                let what = format!("reading the ledger {topic}/{} at offset {}", record.partition(), at.0);
                let why = fault::broker(what, why.to_string(), "Update this program: until then nothing of this partition is handled");
                self.take(Order::Stop { partition, epoch });
                self.hand_over();
                (self.sink)(ArchiveFact::Newer { partition, epoch, why });
            }
            Err(why) => {
                if !std::mem::replace(&mut self.foreign, true) {
                    tracing::warn!(target: "onceward", %topic, partition = record.partition(), offset = at.0, %why,
                        "a record of the ledger is passed over; others like it are not told");
                }
            }
        }
    }

    fn error(&mut self, event: &Event) {
        let (Some(code), Some(place)) = (event.error(), event.place()) else { return };
        if code == RDKafkaErrorCode::PartitionEOF {
            let reading = self.readings.get_mut(place.topic.as_str()).and_then(|numbers| numbers.get_mut(&place.partition));
            if let Some(reading) = reading.filter(|reading| !reading.ended) {
                reading.ended = true;
                let (partition, epoch, reading) = (reading.partition, reading.epoch, reading.reading);
                self.hand_over();
                (self.sink)(ArchiveFact::LedgerEnd { partition, epoch, reading });
            }
            return;
        }
        match fault::sort(code, event.is_fatal(), &event.reason(), &place.topic) {
            Fault::Fatal(error) => (self.sink)(ArchiveFact::Fatal(error)),
            Fault::Down | Fault::OutOfRange | Fault::Passing => {
                tracing::debug!(topic = %place.topic, partition = place.partition, why = %event.reason(), "reading a ledger");
            }
        }
    }
}
