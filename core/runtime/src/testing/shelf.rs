//! What stands for the readers of ledgers and letters: reads them in the simulated topics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onceward_engine::{Epoch, Offset, PartitionId};

use super::log::Stored;
use super::world::World;
use crate::archive::{Archive, ArchiveFact, ArchiveSink, LedgerItem, LetterAnswer, Stands, Told, Wanted, rebuild};
use crate::kafka::BatchBuilder;

/// As the readers': records of a ledger and letters that are handed over at once.
const MOST: usize = 512;

/// A ledger that is read.
struct Reading {
    partition: PartitionId,
    epoch: Epoch,
    reading: u32,
    topic: Arc<str>,
    number: i32,
    next: usize,
    /// It was read to its end once.
    ended: bool,
}

struct State {
    sink: ArchiveSink,
    readings: Vec<Reading>,
    wanted: VecDeque<Wanted>,
    /// Whose oldest letter is looked for.
    asked: Vec<(PartitionId, Epoch)>,
}

/// One life's readers.
#[derive(Clone)]
pub(super) struct Shelf(Arc<Mutex<State>>);

impl Archive for Shelf {
    fn read_ledger(&self, partition: PartitionId, epoch: Epoch, reading: u32, topic: &Arc<str>, number: i32) {
        let mut state = self.lock();
        // As the real one, which reads a partition of a topic once.
        state.readings.retain(|reading| (&reading.topic, reading.number) != (topic, number));
        state.readings.push(Reading { partition, epoch, reading, topic: Arc::clone(topic), number, next: 0, ended: false });
    }

    fn stop(&self, partition: PartitionId, epoch: Epoch) {
        self.lock().readings.retain(|reading| (reading.partition, reading.epoch) != (partition, epoch));
    }

    fn find_oldest(&self, partition: PartitionId, epoch: Epoch, _: &Arc<str>, _: i32) {
        self.lock().asked.push((partition, epoch));
    }

    fn fetch(&self, letters: Vec<Wanted>) {
        self.lock().wanted.extend(letters);
    }

    /// The engine asks for as many letters as it has room for; what a test holds in memory beyond that is the test's.
    fn taken(&self, _: u64) {}
}

impl Shelf {
    pub(super) fn new(sink: ArchiveSink) -> Self {
        Self(Arc::new(Mutex::new(State { sink, readings: Vec::new(), wanted: VecDeque::new(), asked: Vec::new() })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over what one ledger has to say, or else letters; whether there was anything.
    pub(super) fn pump(&self, world: &World) -> bool {
        let mut state = self.lock();
        state.read_on(world) || state.hand_over(world) || state.say_oldest()
    }
}

impl State {
    fn read_on(&mut self, world: &World) -> bool {
        let world = world.lock();
        for reading in &mut self.readings {
            let records = world.log.partition(&reading.topic, reading.number).get(reading.next..).unwrap_or_default();
            if records.is_empty() {
                if !std::mem::replace(&mut reading.ended, true) {
                    let (partition, epoch, reading) = (reading.partition, reading.epoch, reading.reading);
                    (self.sink)(ArchiveFact::LedgerEnd { partition, epoch, reading });
                    return true;
                }
                continue;
            }
            let first = reading.next;
            let items = records.iter().take(MOST).enumerate().filter_map(|(index, record)| reading.item(first + index, record));
            let items: Vec<LedgerItem> = items.collect();
            reading.next = first + records.len().min(MOST);
            (self.sink)(ArchiveFact::Ledger(items));
            return true;
        }
        false
    }

    /// Nothing is ever deleted from a simulated topic.
    fn say_oldest(&mut self) -> bool {
        let Some((partition, epoch)) = self.asked.pop() else { return false };
        (self.sink)(ArchiveFact::OldestLetter { partition, epoch, oldest: Offset(0) });
        true
    }

    /// Letters of one partition, in the order in which they were asked for.
    fn hand_over(&mut self, world: &World) -> bool {
        let of = |wanted: &Wanted| (Arc::clone(&wanted.topic), wanted.source.partition);
        let Some(first) = self.wanted.front().map(of) else { return false };
        let together = self.wanted.iter().take(MOST).take_while(|wanted| of(wanted) == first).count();
        let (world, mut builder) = (world.lock(), BatchBuilder::default());
        let letters = world.log.partition(&first.0, first.1);
        let answers = self.wanted.drain(..together).map(|wanted| {
            let place = wanted.place;
            let found = usize::try_from(place.letter.0).ok().and_then(|at| letters.get(at));
            let index = u32::try_from(builder.len()).unwrap_or(u32::MAX);
            match found {
                Some(record) if rebuild(&mut builder, record, &wanted) => LetterAnswer::Letter(index),
                _ => LetterAnswer::Gone { partition: place.partition, epoch: place.epoch, offset: place.offset },
            }
        });
        let answers = answers.collect();
        (self.sink)(ArchiveFact::Letters { batch: builder.take(), answers, bytes: 0 });
        true
    }
}

impl Reading {
    /// A record, if it says anything.
    fn item(&self, at: usize, record: &Stored) -> Option<LedgerItem> {
        let what = Told::read(record.key.as_deref()?, record.value.as_deref()).ok()?;
        let at = Offset(i64::try_from(at).unwrap_or(i64::MAX));
        Some(LedgerItem { partition: self.partition, epoch: self.epoch, reading: self.reading, at, what })
    }
}

impl Stands for Stored {
    fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    fn headers(&self, mut visit: impl FnMut(&[u8], Option<&[u8]>)) -> bool {
        self.headers.iter().for_each(|(name, value)| visit(name, value.as_deref()));
        true
    }
}
