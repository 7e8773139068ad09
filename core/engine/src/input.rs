//! Facts that the runtime reports.

use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, Digest, Epoch, EventHash, KeyHash, Offset, PartitionId, PolicyId, Timestamp};
use crate::ledger::{Record, Removed};

/// One fact. Facts about an epoch that is over, or a delivery that was forgotten, change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// These events were running when a process died: they run alone. Told before their records arrive.
    Suspects(Vec<Suspect>),
    /// The group gave us a partition. Nothing of it is looked up or dispatched before [`Input::CaughtUp`].
    Assigned(Assignment),
    /// The inbox has seen everything that other processes marked before this assignment.
    CaughtUp {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The offset that this inbox remembers as committed, if any.
        remembered: Option<Offset>,
    },
    /// A record arrived. Offsets rise within an epoch; one that does not rise is forgotten at once.
    Fetched(Fetched),
    /// The inbox answered [`crate::Effect::LookUp`].
    LookedUp {
        /// Which delivery.
        delivery: DeliveryId,
        /// The digest stored with the mark, if the event is marked.
        seen: Option<Digest>,
    },
    /// A handler ended.
    Handled {
        /// Which delivery.
        delivery: DeliveryId,
        /// What it said.
        outcome: Outcome,
    },
    /// A handler of a run did not start, because an earlier one of the run was not done. Not an attempt.
    NotStarted {
        /// Which delivery.
        delivery: DeliveryId,
    },
    /// The inbox answered [`crate::Effect::Mark`].
    Marked {
        /// Which delivery.
        delivery: DeliveryId,
        /// What became of the mark.
        result: MarkResult,
    },
    /// The letter is acknowledged by all in-sync replicas.
    DeadLettered {
        /// Which delivery.
        delivery: DeliveryId,
        /// Where it stands in the dead-letter topic's partition of the same number.
        #[serde(default)]
        letter: Offset,
    },
    /// A record of the partition's ledger was read, in the ledger's order.
    Ledger(Box<LedgerRead>),
    /// A record was taken out of the partition's ledger; read in the ledger's order, too.
    Removed(Box<RecordGone>),
    /// The answer to [`crate::Effect::FindOldestLetter`].
    OldestLetter {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The first offset that the dead-letter topic's partition of the same number still has, or will have.
        oldest: Offset,
    },
    /// Nobody knows what became of a letter's record, [`crate::Effect::Record`]: it is sent again, and may land more than once. Each sending has
    /// a key of its own. Told before it is sent again.
    SentAgain {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The source offset of the letter.
        offset: Offset,
    },
    /// The ledger is read to where it ended after the assignment.
    LedgerEnd {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// Which reading of the ledger, see [`crate::Effect::ReadLedger`].
        reading: u32,
    },
    /// The claim is acknowledged by all in-sync replicas.
    Claimed {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// After which reading of the ledger it was made, see [`crate::Effect::Claim`].
        reading: u32,
        /// Where it stands in the ledger.
        at: Offset,
    },
    /// Nobody knows what became of the claim. It may still land, and is not sent again: another one is decided on.
    ClaimFailed {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// After which reading of the ledger it was made, see [`crate::Effect::Claim`].
        reading: u32,
    },
    /// A letter was read, see [`crate::Effect::FetchLetters`]. What is told is its record's: offset, key, identity, as at the first time.
    LetterFetched(Fetched),
    /// A letter can't be read any more: it was deleted.
    LetterGone {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The source offset.
        offset: Offset,
    },
    /// The broker stored a commit.
    Committed {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The committed offset: the next one to read.
        next: Offset,
    },
    /// A commit failed; the engine asks again at the next interval while the epoch lasts.
    CommitFailed {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// The consumer read to the partition's end; `position` is the next offset that it would read.
    ReachedEnd {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read; behind transaction markers, too.
        position: Offset,
    },
    /// The broker deleted offsets in `from..to` before they were read. With `to` below `from`: the log ends before `from`.
    Gap {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// First missing offset.
        from: Offset,
        /// First offset that exists.
        to: Offset,
    },
    /// The group wants the partition back; whatever still runs at the deadline is abandoned.
    Revoking {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// When waiting ends.
        deadline: Timestamp,
    },
    /// The partition is no longer ours: nothing of it may have an effect any more.
    Lost {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// A dependency is down (disk full, brokers away): no new dispatch until it is back.
    Down {
        /// Which one.
        dependency: Dependency,
    },
    /// It is back.
    Up {
        /// Which one.
        dependency: Dependency,
    },
    /// A person wants nothing of this policy to start until [`Input::Resumed`]. What runs goes on; time budgets stand still.
    Suspended {
        /// Which policy.
        policy: PolicyId,
    },
    /// It may start again.
    Resumed {
        /// Which policy.
        policy: PolicyId,
    },
    /// A record of so many bytes waits, because [`accepts`](crate::Engine::accepts) said no, and those behind it wait with it.
    Refused {
        /// Its size.
        bytes: u32,
    },
    /// Time passed.
    Tick,
}

/// A record of a ledger, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRead {
    /// Of which partition's ledger.
    pub partition: PartitionId,
    /// Of which assignment.
    pub epoch: Epoch,
    /// Which reading of the ledger, see [`crate::Effect::ReadLedger`].
    pub reading: u32,
    /// Its offset in the ledger.
    pub at: Offset,
    /// What it says.
    pub record: Record,
}

/// A record that was taken out of a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordGone {
    /// Of which partition's ledger.
    pub partition: PartitionId,
    /// Of which assignment.
    pub epoch: Epoch,
    /// Which reading of the ledger, see [`crate::Effect::ReadLedger`].
    pub reading: u32,
    /// Where the ledger says so.
    pub at: Offset,
    /// Which record.
    pub record: Removed,
}

/// An event that may have killed the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// Which event.
    pub event: EventHash,
    /// How often the process died while nothing but this event was running.
    pub charges: u32,
}

/// A partition given to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Which partition.
    pub partition: PartitionId,
    /// The number of this assignment.
    pub epoch: Epoch,
    /// Where reading starts: the committed offset, or where `auto_offset_reset` points.
    pub from: Offset,
    /// Whether `from` is a committed offset.
    pub committed: bool,
    /// The oldest offset that the broker still has.
    pub oldest: Offset,
    /// The policy for what concerns the partition as a whole (gap, rewind, replay).
    pub policy: PolicyId,
    /// Whether letters have a state, in a ledger: then the partition is claimed there before anything of it is handled.
    #[serde(default)]
    pub ledger: bool,
}

/// A record as the engine sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// The id under which the runtime keeps the payload.
    pub delivery: DeliveryId,
    /// Where it came from.
    pub partition: PartitionId,
    /// In which assignment.
    pub epoch: Epoch,
    /// Its offset.
    pub offset: Offset,
    /// Its order key; `None` when it has none.
    pub key: Option<KeyHash>,
    /// Its identity, scoped.
    pub event: EventHash,
    /// Digest of its payload.
    pub digest: Digest,
    /// Bytes of key, value and headers.
    pub bytes: u32,
    /// How it is treated.
    pub policy: PolicyId,
    /// Why it can't be handled at all, when the runtime could not even read its identity.
    pub refused: Option<Rejection>,
    /// Nobody wants it: it is passed over, unhandled and unmarked.
    #[serde(default)]
    pub ignored: bool,
}

/// What a handler said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Handled.
    Done {
        /// Whether it recorded effects: then its lane waits for their commit.
        effects: bool,
    },
    /// Failed; worth another attempt.
    Retry {
        /// The wait that the handler asked for, instead of the backoff's.
        after: Option<u64>,
    },
    /// Failed for good.
    Reject(Rejection),
    /// The attempt was cut off by us (drain deadline, cancelled run): it does not count.
    Cancelled,
    /// The handler of several events failed as a whole: nobody's attempt. Each of them is handled again in a call of its own.
    BatchFailed,
}

/// Why an event can never be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// The handler said so, or the error is declared fatal.
    Rejected,
    /// The payload can't be decoded.
    Undecodable,
    /// It does not fit its schema.
    Invalid,
}

/// What became of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MarkResult {
    /// Durable, with the event's effects.
    Durable,
    /// Another process marked the event first; our effects were left out.
    Duplicate {
        /// The digest stored with that mark.
        digest: Digest,
    },
    /// A statement of this event failed: an attempt of it.
    EffectFailed {
        /// Whether the failure was declared fatal.
        fatal: bool,
    },
    /// An earlier event of the same lane failed in the same transaction: handle this one again, uncounted.
    RolledBack,
    /// The writer dropped it: its epoch was released.
    Dropped,
}

/// Something outside that everything waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dependency {
    /// The inbox can't write.
    Inbox,
    /// Dead letters or publishes are not acknowledged.
    Producer,
    /// As much as may be waits to be published.
    Outbox,
}
