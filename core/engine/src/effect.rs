//! Orders that the runtime carries out.

use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, Epoch, Offset, PartitionId, PolicyId, Timestamp};

/// One order. Lists hold many deliveries, so that the runtime works in batches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Let the inbox catch up with what other processes marked, then answer [`crate::Input::CaughtUp`].
    CatchUp {
        /// Which partition.
        partition: PartitionId,
        /// Of which assignment.
        epoch: Epoch,
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
