//! What the owner of a partition reads beside its events: the ledger, from its beginning and on, and letters that are handled again.
//!
//! Two clients, each on a thread of its own, since a letter that is read must not hold up the ledger, and neither of them the events.
//! Both read without the group: what they read is assigned by hand.

mod letters;
mod nothing;
mod rebuild;
mod tail;

use std::sync::Arc;

use onceward_engine::ledger::Record;
use onceward_engine::{Epoch, LetterPlace, Offset, PartitionId, PolicyId};

use crate::Error;
use crate::event::Place;
use crate::kafka::Batch;
use crate::ledger::{Key, Unreadable, decode};

pub(crate) use nothing::Nothing;
pub(crate) use rebuild::{Stands, rebuild};

/// What is read for the loop. All calls return at once.
pub(crate) trait Archive: Send {
    /// Reads a ledger from its beginning, and goes on until it is told to stop, or to read it anew. What comes of it carries the reading's number.
    fn read_ledger(&self, partition: PartitionId, epoch: Epoch, reading: u32, topic: &Arc<str>, number: i32);

    /// The epoch is over: its ledger is not read on.
    fn stop(&self, partition: PartitionId, epoch: Epoch);

    /// Looks up from where on a dead-letter topic's partition still has letters. On failure nothing is answered.
    fn find_oldest(&self, partition: PartitionId, epoch: Epoch, topic: &Arc<str>, number: i32);

    /// Reads letters, in the order in which they are asked for.
    fn fetch(&self, letters: Vec<Wanted>);

    /// Letters of so many bytes were handed in: others may be read.
    fn taken(&self, bytes: u64);
}

/// A letter to read.
pub(crate) struct Wanted {
    pub(crate) place: LetterPlace,
    /// The dead-letter topic.
    pub(crate) topic: Arc<str>,
    /// Whose letter: how its event is identified, and where it came from.
    pub(crate) source: Arc<Place>,
    pub(crate) policy: PolicyId,
}

/// A record of a ledger.
#[derive(Debug)]
pub(crate) struct LedgerItem {
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) reading: u32,
    pub(crate) at: Offset,
    pub(crate) what: Told,
}

/// What a record of a ledger says.
#[derive(Debug)]
pub(crate) enum Told {
    /// Something, and for a claim its id: by it a member knows its own.
    Record(Record, Option<String>),
    /// That an earlier one is taken out.
    Removed(Key),
}

impl Told {
    /// Reads a record; without a value it is a tombstone.
    pub(crate) fn read(key: &[u8], value: Option<&[u8]>) -> Result<Self, Unreadable> {
        let Some(value) = value else {
            return std::str::from_utf8(key).ok().and_then(Key::parse).map(Self::Removed).ok_or(Unreadable::Foreign);
        };
        let (key, record) = decode(key, value)?;
        let claim = if let Key::Claim(id) = key { Some(id) } else { None };
        Ok(Self::Record(record, claim))
    }
}

/// What was read.
#[derive(Debug)]
pub(crate) enum ArchiveFact {
    /// Records of ledgers, in the order of each.
    Ledger(Vec<LedgerItem>),
    /// A ledger is read to where it ends.
    LedgerEnd { partition: PartitionId, epoch: Epoch, reading: u32 },
    /// From where on a dead-letter topic's partition still has letters.
    OldestLetter { partition: PartitionId, epoch: Epoch, oldest: Offset },
    /// Letters, and what became of them in the order in which they were asked for.
    Letters { batch: Batch, answers: Vec<LetterAnswer>, bytes: u64 },
    /// A ledger holds what this version can't read: its partition can't be ours, and it is read no further.
    Newer { partition: PartitionId, epoch: Epoch, why: Error },
    /// It can't go on: wrong rights. With the cure.
    Fatal(Error),
}

/// What became of a letter that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LetterAnswer {
    /// It stands at this place of the batch.
    Letter(u32),
    /// It is not there any more.
    Gone { partition: PartitionId, epoch: Epoch, offset: Offset },
}

/// Where facts go. Called on the archive's threads.
pub(crate) type ArchiveSink = Arc<dyn Fn(ArchiveFact) + Send + Sync>;

/// Both threads.
pub(crate) struct Shelves {
    tail: tail::Tail,
    letters: letters::Letters,
}

impl Shelves {
    /// Starts to read for a loop. `client`: a consumer's complete properties.
    pub(crate) fn start(client: &[(String, String)], sink: &ArchiveSink) -> Result<Self, Error> {
        Ok(Self { tail: tail::Tail::start(client, Arc::clone(sink))?, letters: letters::Letters::start(client, Arc::clone(sink))? })
    }
}

impl Archive for Shelves {
    fn read_ledger(&self, partition: PartitionId, epoch: Epoch, reading: u32, topic: &Arc<str>, number: i32) {
        self.tail.read(partition, epoch, reading, Arc::clone(topic), number);
    }

    fn stop(&self, partition: PartitionId, epoch: Epoch) {
        self.tail.stop(partition, epoch);
    }

    fn find_oldest(&self, partition: PartitionId, epoch: Epoch, topic: &Arc<str>, number: i32) {
        self.letters.find_oldest(partition, epoch, Arc::clone(topic), number);
    }

    fn fetch(&self, letters: Vec<Wanted>) {
        self.letters.fetch(letters);
    }

    fn taken(&self, bytes: u64) {
        self.letters.brim.taken(bytes);
    }
}
