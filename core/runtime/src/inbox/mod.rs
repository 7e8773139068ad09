//! The durable set of handled events.
//!
//! One contract, several stores: every store passes `tests/inbox.rs`. The driver is the only caller and never waits: answers arrive
//! as [`InboxFact`]s through the sink that the store was opened with.

use std::sync::Arc;

use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, MarkResult, Offset, PartitionId};

pub use crate::outbox::{Door, Encoded};

mod clock;
mod filter;
mod fresh;
mod memory;
mod migrations;
mod place;
mod postgres;
mod queries;
mod ranges;
mod recent;
mod sqlite;
mod value;

pub use clock::{Clock, SystemClock};
pub use memory::MemoryInbox;
pub use postgres::{Address, PostgresInbox, PostgresReport, PostgresSettings, ddl as postgres_ddl, inspect_postgres};
pub use queries::Queries;
pub use sqlite::{
    BucketReport, Expired, Holder, InboxReport, Moved, OutboxReport, PositionReport, Pruned, SqliteInbox, SqliteSettings, Upkeep, VERSION,
    backup, ddl, file_system, holders, inspect, prune,
};
pub use value::{Statement, Value};

/// What an inbox knows an event by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An id that the producer gave, scoped and hashed.
    Event(EventHash),
    /// No id: the record's place. Needs no row of its own, see [`Inbox::mark`].
    Coordinates {
        /// Which partition.
        partition: PartitionId,
        /// Which offset.
        offset: Offset,
    },
}

/// The name of a partition that survives restarts: positions are stored under it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionName {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The topic's id (changes when a topic is deleted and made again); zero where the broker has none.
    pub topic_id: [u8; 16],
    /// The partition's number.
    pub number: i32,
}

/// The answer to a look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// Surely not marked (the common case, answered from memory).
    NotSeen,
    /// Marked.
    Seen(Digest),
    /// The store must be read: the answer comes as [`InboxFact::LookedUp`].
    Pending,
}

/// A mark to write, with the effects that commit with it.
#[derive(Debug)]
pub struct Mark {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Its partition.
    pub partition: PartitionId,
    /// Its epoch: a mark of a released epoch is dropped before the transaction begins.
    pub epoch: Epoch,
    /// What it is known by.
    pub identity: Identity,
    /// Digest of its payload.
    pub digest: Digest,
    /// Identifies its lane: when a statement fails, later marks *of the same lane in the same group* that were dispatched in one run are rolled back.
    pub lane: u128,
    /// Its recorded statements, in order. Empty for most.
    pub statements: Vec<Statement>,
    /// What it publishes through the outbox.
    pub publishes: Option<Box<Encoded>>,
}

/// What a store reports.
#[derive(Debug)]
pub enum InboxFact {
    /// Answers to pending look-ups.
    LookedUp(Vec<(DeliveryId, Option<Digest>)>),
    /// What became of marks, in the order in which they were given; one fact per transaction.
    Marked(Vec<Marked>),
    /// A partition's positions are loaded and foreign marks are seen.
    CaughtUp {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The offset remembered by [`Inbox::committed`].
        remembered: Option<Offset>,
        /// The topic was deleted and made again since: what was known of this partition is void.
        recreated: bool,
    },
    /// There is something for the store's own memory to take in: nothing to do but to call [`Inbox::flush`] soon.
    News,
    /// The store can't write now (full, read-only, I/O error). It keeps what it was given and probes by itself.
    Down {
        /// For a person: what happened, where, what to do.
        why: String,
    },
    /// It can again.
    Up,
    /// More waits in the outbox than may: nothing new should be handled.
    OutboxFull {
        /// How many events.
        events: u64,
    },
    /// There is room again.
    OutboxRoom,
    /// It never will: the file is damaged, or is not what it was.
    Broken(InboxError),
}

/// What became of one mark.
#[derive(Debug)]
pub struct Marked {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What became of it.
    pub result: MarkResult,
    /// For [`MarkResult::EffectFailed`]: which statement failed and why, for the letter and the log. Never holds parameters.
    pub error: Option<String>,
}

/// Where facts go. Called from the store's threads.
pub type InboxSink = Arc<dyn Fn(InboxFact) + Send + Sync>;

/// A store of marks. All calls return at once.
pub trait Inbox: Send {
    /// Names a partition and asks the store to load what it knows and to see foreign marks; answered by [`InboxFact::CaughtUp`].
    fn catch_up(&mut self, partition: PartitionId, epoch: Epoch, name: &PartitionName);

    /// Whether an event is marked. Pending ones are collected until [`Inbox::flush`].
    ///
    /// The record's own digest is what a hit on coordinates answers: the same place is the same record, so none is stored for it.
    fn look_up(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp;

    /// Queues a mark; from now on [`Inbox::look_up`] never answers `NotSeen` for it. Collected until [`Inbox::flush`].
    fn mark(&mut self, mark: Mark);

    /// The group's committed offset, to be remembered with the next transaction; coordinates below it need no memory of their own.
    fn committed(&mut self, partition: PartitionId, epoch: Epoch, next: Offset);

    /// The epoch is over: queued marks of it are dropped (reported as [`MarkResult::Dropped`]).
    fn release(&mut self, partition: PartitionId, epoch: Epoch);

    /// Hands everything collected to the store's threads. The driver calls it once per turn.
    fn flush(&mut self);

    /// Whether statements can commit with marks.
    fn keeps_effects(&self) -> bool;

    /// The way into the outbox, if this store has one: what is published commits with marks and is relayed afterwards.
    fn outbox(&self) -> Option<Door> {
        None
    }

    /// Reading the user's tables, if this store has any.
    fn queries(&self) -> Option<Queries> {
        None
    }

    /// Numbers for metrics, `inbox stats` and tests.
    fn stats(&self) -> InboxStats;

    /// Writes what is queued and closes the store, waiting no longer than the deadline. Closed again, it does nothing.
    ///
    /// # Errors
    /// [`InboxError`] when something queued could not be written in time.
    fn close(&mut self, deadline: std::time::Duration) -> Result<(), InboxError>;
}

/// An inbox's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct InboxStats {
    /// Ids marked and not expired.
    pub marks: u64,
    /// Segments on disk.
    pub segments: u64,
    /// Bytes of memory for filters and queues.
    pub memory_bytes: u64,
    /// Transactions committed.
    pub commits: u64,
    /// Look-ups that had to read the store.
    pub reads: u64,
    /// Sum of the time spent in commits, in microseconds.
    pub commit_micros: u64,
    /// The wall clock jumped by more than an hour: nothing expires until it is back or the process starts again.
    pub expiry_suspended: bool,
    /// Events in the outbox that are not acknowledged, those of other processes as of the last second.
    pub outbox_pending: u64,
    /// When the oldest of them was written, in milliseconds since 1970; 0: there is none.
    pub outbox_oldest_ms: i64,
}

/// Why an inbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// Not an SQLite database.
    #[error("{path} is not an SQLite database; nothing was changed. Name another file in `inbox`, or move this one away")]
    NotADatabase {
        /// The file.
        path: String,
    },
    /// Written by a newer Onceward.
    #[error(
        "{path} was written by a newer Onceward (inbox version {found}, this one knows {known}); upgrade this process or restore the backup taken before the upgrade"
    )]
    Newer {
        /// The file.
        path: String,
        /// Version in the file.
        found: i64,
        /// Version known here.
        known: i64,
    },
    /// The file system can't lock reliably.
    #[error(
        "{path} lies on a network file system ({kind}), where SQLite's locks can't be trusted; use a local disk, or Postgres for several machines"
    )]
    NetworkFileSystem {
        /// The file.
        path: String,
        /// Which one.
        kind: String,
    },
    /// A database without our tables.
    #[error("{path} holds no inbox (no `onceward_` tables); name the file that the consumer's `inbox` names")]
    NoInbox {
        /// The file.
        path: String,
    },
    /// Damaged.
    #[error(
        "{path} is damaged: {detail}. Nothing was deleted. Stop every process that uses it, copy the file, then restore a backup or start with a new file (events not yet committed are handled again)"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What SQLite said.
        detail: String,
    },
    /// The SQLite that was linked has the WAL-reset race.
    #[error("SQLite {found} can lose committed data (WAL-reset race, fixed in 3.51.3); build with the bundled SQLite")]
    OldSqlite {
        /// The version linked.
        found: String,
    },
    /// A statement of `setup_sql` failed.
    #[error("setup_sql[{index}] failed: {detail}")]
    Setup {
        /// Which one.
        index: usize,
        /// What SQLite said.
        detail: String,
    },
    /// A file of `migrations` can't run, or is not what it was.
    #[error("{file}: {detail}")]
    Migration {
        /// The file.
        file: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// Other processes have it open, and what was asked needs it alone.
    #[error("{path} is in use{by}. Stop every process that uses it and ask again: a running consumer keeps what it knows in memory")]
    InUse {
        /// The file.
        path: String,
        /// By whom, as far as this user may see: ` by …`, or nothing.
        by: String,
    },
    /// Anything else that SQLite or the file system said.
    #[error("{path}: {detail}")]
    Store {
        /// The file.
        path: String,
        /// What happened and what to do.
        detail: String,
    },
    /// Closing took too long.
    #[error("{path}: {left} marks were not written before the deadline; their events are handled again")]
    CloseTimedOut {
        /// The file.
        path: String,
        /// How many.
        left: u64,
    },
}
