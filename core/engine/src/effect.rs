//! Orders that the runtime carries out.

use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, Epoch, Offset, PartitionId, PolicyId, Timestamp};
use crate::ledger::{KeyDigest, LetterState, Removed};

/// One order. Lists hold many deliveries, so that the runtime works in batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Read the partition's ledger from its beginning, answer with [`crate::Input::Ledger`] for each record and
    /// [`crate::Input::LedgerEnd`] where it ends, and go on with what comes until the epoch is over, or it is to be read anew.
    ReadLedger {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// Which reading of this assignment, counted from one. All that comes of it carries this number.
        reading: u32,
    },
    /// Write a claim to the ledger; answer [`crate::Input::Claimed`] or [`crate::Input::ClaimFailed`].
    Claim {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The reading of the ledger that it is made after.
        reading: u32,
        /// The claim that it follows.
        prev: Option<Offset>,
    },
    /// Write a letter's state to the ledger. It is answered by being read there.
    Record(Entry),
    /// Take these records out of the ledger: write a tombstone for each. Answered by being read there, [`crate::Input::Removed`]. More come only
    /// when all of these were read: the next ones must not go before.
    Remove {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// Which records.
        records: Vec<Removed>,
    },
    /// Look up from where on the dead-letter topic's partition still has letters, and answer [`crate::Input::OldestLetter`]. It is no harm if no
    /// answer comes: it is asked again.
    FindOldestLetter {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Read these letters and answer each with [`crate::Input::LetterFetched`] or [`crate::Input::LetterGone`], all of them in the order in
    /// which they were asked for: one that has no room yet ([`crate::Engine::accepts_letter`]) keeps those behind it waiting, never the
    /// other way round, since those may wait for it.
    FetchLetters(Vec<LetterPlace>),
    /// Another member claimed the partition: its epoch is over. Nothing of it is handed in until the group takes it away
    /// ([`crate::Input::Lost`]), gives it to us anew, or [`Effect::Reassign`] comes.
    Superseded {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// The group had its time to take a partition from us that another member claimed. Unless it did meanwhile, ask where it starts, and assign
    /// it under a new epoch.
    Reassign {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Let the inbox catch up with what other processes marked, then answer [`crate::Input::CaughtUp`].
    CatchUp {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The claim under which it is ours, where there is a ledger.
        #[serde(default)]
        claim: Option<Claimed>,
    },
    /// Ask the inbox whether these are marked.
    LookUp(Vec<DeliveryId>),
    /// Call handlers: runs of one lane each, see [`Runs`].
    Dispatch(Runs),
    /// Call a batch handler once, with all of these events. Answer for each of them.
    DispatchBatch(Runs),
    /// Stop the handler of this delivery: it took too long. Answer as ever: [`crate::Input::Handled`] with what became of it, a retry when it
    /// was stopped; [`crate::Input::NotStarted`] when it never began. One that can't be stopped is not answered until it ends.
    Cancel {
        /// Which delivery.
        delivery: DeliveryId,
    },
    /// Write marks and effects, in this order, in one transaction or several.
    Mark(Vec<DeliveryId>),
    /// Produce a dead letter; answer [`crate::Input::DeadLettered`] when all in-sync replicas have it.
    DeadLetter(DeadLetter),
    /// Commit an offset. One commit per partition is outstanding at a time.
    Commit {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read.
        next: Offset,
    },
    /// Stop fetching the partition.
    Pause {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Fetch it again.
    Resume {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// Read on from this offset instead (a rewind that is skipped, a gap that is passed).
    Seek {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
        /// The next offset to read.
        to: Offset,
    },
    /// The partition is drained and committed as far as possible: give it back, its epoch is over.
    Release {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
    },
    /// These deliveries are over (see [`Fate`]); their payloads may be dropped.
    Forget(Vec<(DeliveryId, Fate)>),
    /// Tell a person.
    Alert(Alert),
    /// Everything assigned is read to its end, resolved and committed (only with `until_end`).
    Finished,
}

/// Runs to dispatch: consecutive events of one lane, handled in order, stopped at the first that is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// All deliveries, run after run, each with the number of this attempt, counted from 1.
    pub deliveries: Vec<(DeliveryId, u32)>,
    /// Where each run ends in `deliveries`.
    pub ends: Vec<u32>,
    /// It is one event that may kill the process: nothing else is running, and nothing else starts until it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl Runs {
    /// Keeps some of the deliveries, and the runs that still have one.
    pub(crate) fn retain(&mut self, keep: impl Fn(&DeliveryId) -> bool) {
        let mut kept = Self { alone: self.alone, ..Self::default() };
        for run in self.iter() {
            kept.deliveries.extend(run.iter().filter(|member| keep(&member.0)));
            let end = kept.deliveries.len() as u32;
            if kept.ends.last().copied().unwrap_or(0) < end {
                kept.ends.push(end);
            }
        }
        *self = kept;
    }

    /// The runs, one slice each.
    pub fn iter(&self) -> impl Iterator<Item = &[(DeliveryId, u32)]> {
        let mut from = 0;
        self.ends.iter().map(move |&end| {
            let run = &self.deliveries[from..end as usize];
            from = end as usize;
            run
        })
    }
}

/// A claim that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// Where it stands in the ledger.
    pub at: Offset,
    /// The one before it. A store that noted that one has every mark of the partition; another one may trust only what lies before `from`.
    pub prev: Option<Offset>,
    /// The committed offset.
    pub from: Offset,
}

/// A letter's state, to be written. What is not decided here, fingerprint and time, is the runtime's to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which partition.
    pub partition: PartitionId,
    /// Of which assignment.
    pub epoch: Epoch,
    /// The delivery that failed, if one did.
    pub delivery: Option<DeliveryId>,
    /// The claim under which it is written.
    pub claim: Offset,
    /// The source offset.
    pub offset: Offset,
    /// Where the letter stands.
    pub state: LetterState,
    /// Replays that failed.
    pub replays: u32,
    /// Its order key.
    pub key: Option<KeyDigest>,
    /// Whether it holds its key.
    pub holds: bool,
    /// Where the letter is.
    pub letter: Offset,
    /// Why it was given up.
    pub reason: Reason,
}

/// A letter to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterPlace {
    /// Of which partition: the letter is in the dead-letter topic's partition of the same number.
    pub partition: PartitionId,
    /// Of which assignment.
    pub epoch: Epoch,
    /// The source offset.
    pub offset: Offset,
    /// Where the letter is.
    pub letter: Offset,
    /// Replays that failed before.
    pub replays: u32,
}

/// A letter to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// Why.
    pub reason: Reason,
    /// Attempts made.
    pub attempts: u32,
    /// When the first attempt failed.
    pub first_failed: Timestamp,
    /// When the last one did.
    pub last_failed: Timestamp,
    /// The source offset of the letter that it follows, with [`Reason::HeldBehind`].
    #[serde(default)]
    pub behind: Option<Offset>,
}

/// Why an event was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// All attempts failed, or the time budget is used.
    Exhausted,
    /// The handler rejected it, or its error is declared fatal.
    Rejected,
    /// It can't be decoded.
    Undecodable,
    /// It does not fit its schema.
    Invalid,
    /// Its id was seen with other bytes.
    Conflict,
    /// The process died too often while it ran alone.
    Crashed,
    /// An earlier event of its key is a letter that is not settled: it follows, unhandled.
    HeldBehind,
    /// Its letter was deleted before it could be handled again. Stands in the ledger only.
    Expired,
}

/// How a delivery ended, for the counters and the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fate {
    /// Handled and durably marked.
    Handled,
    /// A copy of a durable mark.
    Duplicate,
    /// In the dead-letter topic.
    Lettered,
    /// The ledger knows it as a letter already.
    Known,
    /// Nobody wanted it.
    Ignored,
    /// Its epoch ended before it was resolved: somebody reads it again.
    Abandoned,
}

/// What a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alert {
    /// The group's offset lies below what this inbox remembers as committed.
    Rewound {
        /// Which partition.
        partition: PartitionId,
        /// What the inbox remembers.
        remembered: Offset,
        /// What the group says.
        committed: Offset,
        /// Whether the partition halts.
        halted: bool,
    },
    /// Offsets were deleted before they were read.
    Gap {
        /// Which partition.
        partition: PartitionId,
        /// First missing offset.
        from: Offset,
        /// First offset that exists.
        to: Offset,
        /// Whether the partition halts.
        halted: bool,
    },
    /// A replay was asked for of a letter that failed too often already, and not insisted on.
    ReplayRefused {
        /// Which partition.
        partition: PartitionId,
        /// The source offset.
        offset: Offset,
        /// Replays that failed.
        replays: u32,
    },
    /// A letter was deleted before it could be handled again.
    LetterGone {
        /// Which partition.
        partition: PartitionId,
        /// The source offset.
        offset: Offset,
    },
    /// The same id came with other bytes.
    Conflict {
        /// Which delivery.
        delivery: DeliveryId,
    },
    /// Handlers were still running at the drain deadline; their results will be ignored.
    DrainTimedOut {
        /// Which partition.
        partition: PartitionId,
        /// How many.
        running: u32,
    },
    /// A cancelled handler goes on. Its lane stays closed, everything else goes on.
    Stuck {
        /// Which delivery.
        delivery: DeliveryId,
        /// Since it started, in milliseconds.
        millis: u64,
    },
    /// Nearly everything fails: nothing but probes starts under this policy until they succeed.
    BreakerOpened {
        /// Under which policy.
        policy: PolicyId,
        /// How many events failed.
        events: u32,
        /// Of how many keys, counted up to what the policy asks for.
        keys: u32,
        /// For how long, in milliseconds.
        millis: u64,
    },
    /// Probes succeeded: everything starts again.
    BreakerClosed {
        /// Under which policy.
        policy: PolicyId,
        /// How long it was open, in milliseconds.
        millis: u64,
    },
    /// The breaker is still open at the limit of a run until the end: the run can't reach it.
    BreakerStaysOpen {
        /// Under which policy.
        policy: PolicyId,
        /// How long it has been open, in milliseconds.
        millis: u64,
    },
}
