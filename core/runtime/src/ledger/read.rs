//! A whole ledger, read and folded for a tool. It joins no group, commits nothing, and owns nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use onceward_engine::Offset;
use onceward_engine::ledger::{Fold, Letter};

use super::apply::put;
use super::value::Unreadable;
use crate::Error;
use crate::kafka::fault;
use crate::letter::{Extent, Scan, scan};

/// The ledger of one source topic and group, folded. In memory is what the ledger says of letters and commands, and nothing of the events
/// themselves: some 500 bytes for each letter that was not cleaned away, 50 MB for 100,000.
#[derive(Debug, Default)]
pub struct Ledger {
    topic: String,
    pub(super) shards: BTreeMap<i32, Shard>,
    strange: Strange,
}

/// One partition.
#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) fold: Fold,
    /// The first offset that was not read.
    pub(super) next: i64,
}

/// Records that are none of the ledger's: they were passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Strange {
    /// Keys of no known kind.
    pub foreign: u64,
    /// Keys of a known kind with values that are not in the form.
    pub malformed: u64,
    /// Where the first of them stands, and what is wrong with it.
    pub first: Option<String>,
}

impl Ledger {
    /// Reads a ledger from its beginning to where it ends now. `None`: there is no such topic. `scan` names it.
    ///
    /// # Errors
    /// [`Error::Broker`] when no broker answers, a right is missing, or a later version of Onceward wrote to it: then this program does
    /// not know what counts, and says where.
    pub fn read(what: &Scan<'_>, mut progress: impl FnMut(Extent)) -> Result<Option<Self>, Error> {
        let mut ledger = Self { topic: what.topic.to_owned(), ..Self::default() };
        let mut newer = None;
        let outcome = scan(what, |stored, extent| {
            progress(extent);
            match ledger.take(stored.partition, stored.offset, stored.key.unwrap_or_default(), stored.value) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    newer = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        match (outcome, newer) {
            (Err(Error::Topics(_)), _) => Ok(None),
            (Err(error), _) | (Ok(_), Some(error)) => Err(error),
            (Ok(_), None) => Ok(Some(ledger)),
        }
    }

    /// An empty ledger of that name, to be filled with [`Ledger::take`].
    #[must_use]
    pub fn named(topic: &str) -> Self {
        Self { topic: topic.to_owned(), ..Self::default() }
    }

    /// Takes one record, in the order of its partition; a null value is a tombstone.
    ///
    /// # Errors
    /// [`Error::Broker`] when a later version of Onceward wrote it.
    pub fn take(&mut self, partition: i32, offset: i64, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let shard = self.shards.entry(partition).or_default();
        shard.next = shard.next.max(offset.saturating_add(1));
        let Err(why) = put(&mut shard.fold, Offset(offset), key, value) else { return Ok(()) };
        let place = format!("{}, partition {partition}, offset {offset}", self.topic);
        match &why {
            Unreadable::Newer(version) => {
                return Err(fault::broker(
                    format!("reading the ledger {place}"),
                    format!("a later Onceward wrote this record (form {version})"),
                    "Update this program first: it would not see what counts",
                ));
            }
            Unreadable::Foreign => self.strange.foreign += 1,
            Unreadable::Malformed(_) => self.strange.malformed += 1,
        }
        self.strange.first.get_or_insert_with(|| format!("{place}: {why}"));
        Ok(())
    }

    /// The ledger's topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// What was passed over.
    #[must_use]
    pub fn strange(&self) -> &Strange {
        &self.strange
    }

    /// The state of a partition, if anything was ever written to it.
    #[must_use]
    pub fn fold(&self, partition: i32) -> Option<&Fold> {
        self.shards.get(&partition).map(|shard| &shard.fold)
    }

    /// All partitions to which something was written.
    pub fn folds(&self) -> impl Iterator<Item = (i32, &Fold)> {
        self.shards.iter().map(|(partition, shard)| (*partition, &shard.fold))
    }

    /// All letters, settled ones included, by partition and source offset.
    pub fn letters(&self) -> impl Iterator<Item = (i32, &Letter)> {
        self.folds().flat_map(|(partition, fold)| fold.letters().map(move |letter| (partition, letter)))
    }

    /// The letter that must be settled before this one runs: the first of its key that is not settled, unless that is itself.
    #[must_use]
    pub fn ahead(&self, partition: i32, letter: &Letter) -> Option<&Letter> {
        let front = self.fold(partition)?.front(letter.record.key?)?;
        (front.record.offset < letter.record.offset).then_some(front)
    }
}
