//! Reading on while something is awaited: how letters end after a command.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use onceward_engine::ledger::{Letter, LetterState};
use onceward_engine::{Offset as SourceOffset, Reason};
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::Ledger;
use crate::Error;
use crate::kafka::fault::{self, Fault};
use crate::kafka::sys::{Event, EventKind, Queue};
use crate::letter::scan::{leave, open};

/// How often a caller is asked whether to go on while nothing is written.
const TURN: Duration = Duration::from_millis(200);

/// Letters whose end is awaited, and how they stood when that began. Some 40 bytes each.
#[derive(Clone, Debug, Default)]
pub struct Awaited {
    letters: BTreeMap<(i32, SourceOffset), (LetterState, u32)>,
}

/// How awaited letters have ended so far. Each counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// A replay handled them.
    pub done: u64,
    /// They were settled unhandled.
    pub discarded: u64,
    /// Their records were gone before they could be handled again.
    pub expired: u64,
    /// They failed once more and wait for a person again.
    pub failed: u64,
    /// They are held behind a letter that waits for a person: nothing happens to them before that is settled.
    pub behind: u64,
    /// None of that yet.
    pub waiting: u64,
}

impl Awaited {
    /// Waits for a letter, too.
    pub fn add(&mut self, partition: i32, offset: SourceOffset, state: LetterState, replays: u32) {
        self.letters.insert((partition, offset), (state, replays));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.letters.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// How they stand by now. A letter that was cleaned away is settled, and counts as done.
    #[must_use]
    pub fn outcome(&self, ledger: &Ledger) -> Outcome {
        let mut outcome = Outcome::default();
        for &(partition, offset) in self.letters.keys() {
            let letter = ledger.fold(partition).and_then(|fold| fold.letter_of(offset));
            let counter = match letter.map(|letter| (letter, letter.record.state)) {
                None | Some((_, LetterState::Done)) => &mut outcome.done,
                Some((letter, LetterState::Discarded)) if letter.record.reason == Reason::Expired => &mut outcome.expired,
                Some((_, LetterState::Discarded)) => &mut outcome.discarded,
                Some((letter, LetterState::Open)) if self.failed(partition, letter) => &mut outcome.failed,
                Some((_, LetterState::Open)) => &mut outcome.waiting,
                Some((letter, LetterState::Held)) => match ledger.ahead(partition, letter) {
                    Some(ahead) if self.stays(partition, ahead) => &mut outcome.behind,
                    _ => &mut outcome.waiting,
                },
            };
            *counter += 1;
        }
        outcome
    }

    /// Whether an open letter has failed since it is awaited.
    fn failed(&self, partition: i32, letter: &Letter) -> bool {
        let seen = self.letters.get(&(partition, letter.record.offset));
        seen.is_some_and(|&(state, replays)| state == LetterState::Held || letter.record.replays > replays)
    }

    /// Whether nothing happens to a letter without a person.
    fn stays(&self, partition: i32, letter: &Letter) -> bool {
        let awaited = self.letters.contains_key(&(partition, letter.record.offset));
        letter.record.state == LetterState::Open && (!awaited || self.failed(partition, letter))
    }
}

impl std::ops::Add for Outcome {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            discarded: self.discarded + other.discarded,
            expired: self.expired + other.expired,
            failed: self.failed + other.failed,
            behind: self.behind + other.behind,
            waiting: self.waiting + other.waiting,
        }
    }
}

impl Outcome {
    /// Those of which nothing more will be heard without a person.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.done + self.discarded + self.expired + self.failed + self.behind
    }
}

impl Ledger {
    /// Reads on, and calls `look` at every turn and whenever everything that is there was taken, until it breaks.
    ///
    /// # Errors
    /// [`Error::Broker`] when the ledger can't be read any more, or a later version of Onceward writes to it.
    pub fn follow(&mut self, client: &[(String, String)], mut look: impl FnMut(&Self) -> ControlFlow<()>) -> Result<(), Error> {
        let consumer = open(client)?;
        let outcome = self.read_on(&consumer, &mut look);
        leave(consumer);
        outcome
    }

    fn read_on(
        &mut self,
        consumer: &rdkafka::consumer::BaseConsumer<crate::kafka::context::Context>,
        look: &mut impl FnMut(&Self) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let what = || format!("following the ledger {}", self.topic());
        let refused = |error: rdkafka::error::KafkaError| fault::broker(what(), error.to_string(), "Check that its brokers are up");
        let queue = Queue::consumer(consumer.client().native_ptr())
            .ok_or_else(|| fault::broker(what(), "the client has no queue", "Set `group`"))?;
        let mut places = TopicPartitionList::new();
        for (partition, shard) in &self.shards {
            places.add_partition_offset(self.topic(), *partition, Offset::Offset(shard.next)).map_err(refused)?;
        }
        consumer.assign(&places).map_err(refused)?;
        let (mut looked, mut fresh) = (Instant::now(), true);
        loop {
            let event = queue.poll(Duration::from_millis(20));
            let idle = event.is_none();
            if let Some(event) = event {
                self.hear(&event)?;
            }
            // A look costs a pass over what is awaited: not after each of a hundred thousand records, nor again and again for nothing.
            fresh |= !idle;
            if (idle && fresh) || looked.elapsed() > TURN {
                if look(self).is_break() {
                    return Ok(());
                }
                (looked, fresh) = (Instant::now(), false);
            }
        }
    }

    fn hear(&mut self, event: &Event) -> Result<(), Error> {
        match event.kind() {
            EventKind::Record => match event.record() {
                Some(record) => self.take(record.partition(), record.offset(), record.key().unwrap_or_default(), record.value()),
                None => Ok(()),
            },
            EventKind::Error => {
                let Some(code) = event.error().filter(|code| *code != rdkafka::error::RDKafkaErrorCode::PartitionEOF) else {
                    return Ok(());
                };
                match fault::sort(code, event.is_fatal(), &event.reason(), self.topic()) {
                    Fault::Fatal(error) => Err(error),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}
