//! What the checker knows of one delivery, from facts and orders alone.

use onceward_engine::{Backoff, Epoch, EventHash, Fetched, NullKeys, Order, PartitionId, Policy, Reason, Rejection, Timestamp};

/// Which deliveries wait for each other, within a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Lane {
    Whole,
    Key(u128),
    NoKey,
    Alone(i64),
}

impl Lane {
    pub(super) fn of(record: &Fetched, policy: &Policy) -> Self {
        match (policy.order, record.key, policy.null_keys) {
            (Order::Partition, _, _) => Self::Whole,
            (Order::Key, Some(key), _) => Self::Key(key.0),
            (Order::Key, None, NullKeys::Serial) => Self::NoKey,
            (Order::Key, None, NullKeys::Parallel) | (Order::None, _, _) => Self::Alone(record.offset.0),
        }
    }
}

/// The look-up's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookUp {
    Never,
    Asked,
    New,
    Seen,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not in anybody's hands.
    Idle,
    /// Dispatched, not answered.
    Running,
    /// Handled; its mark is not ordered yet.
    Done { effects: bool },
    /// Its mark is ordered.
    Marking { effects: bool },
    /// Its mark is durable, or somebody else's is.
    Marked,
    /// Its letter is ordered.
    Lettering,
    /// Its letter is acknowledged.
    Lettered,
}

#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) partition: PartitionId,
    pub(super) epoch: Epoch,
    pub(super) offset: i64,
    pub(super) lane: Lane,
    pub(super) event: EventHash,
    pub(super) digest: u32,
    pub(super) bytes: u64,
    pub(super) policy: usize,
    pub(super) refused: Option<Rejection>,
    /// Nobody wants it.
    pub(super) ignored: bool,
    /// Its batch failed: it is handled by itself.
    pub(super) alone: bool,
    /// False for a record that must be forgotten at once: of an epoch that is over, or at an offset that does not rise.
    pub(super) accepted: bool,
    pub(super) look_up: LookUp,
    pub(super) stage: Stage,
    /// Its event has a durable mark, or its letter is acknowledged: the commit watermark may pass.
    pub(super) safe: bool,
    pub(super) run: u64,
    pub(super) attempts: u32,
    /// The first dispatch of the epoch, and the last one before the first counted failure: the time budget starts between them.
    pub(super) budget_from: (Timestamp, Timestamp),
    pub(super) first_failed: Timestamp,
    pub(super) last_failed: Timestamp,
    /// Earliest and latest time of the next attempt.
    pub(super) wait: Option<(Timestamp, Timestamp)>,
    /// Whether the jitter decides if the time budget allows another attempt.
    pub(super) may_give_up: bool,
    /// It failed while the breaker was about to open.
    pub(super) doubted: bool,
    /// It may be that the last failure did not count: attempts and times of failures without it.
    pub(super) doubt: Option<(u32, Timestamp, Timestamp)>,
    /// It was given up for this reason and must be lettered.
    pub(super) given_up: Option<Reason>,
    /// An earlier one of its lane failed at its commit while this one was in the handler's hands.
    pub(super) tainted: bool,
}

impl Delivery {
    pub(super) fn new(record: &Fetched, policy: &Policy, accepted: bool) -> Self {
        Self {
            partition: record.partition,
            epoch: record.epoch,
            offset: record.offset.0,
            lane: Lane::of(record, policy),
            event: record.event,
            digest: record.digest.0,
            bytes: u64::from(record.bytes),
            policy: usize::from(record.policy.0),
            refused: record.refused,
            ignored: record.ignored,
            alone: false,
            accepted,
            look_up: LookUp::Never,
            stage: Stage::Idle,
            safe: false,
            run: 0,
            attempts: 0,
            budget_from: (Timestamp(u64::MAX), Timestamp(0)),
            first_failed: Timestamp(0),
            last_failed: Timestamp(0),
            wait: None,
            may_give_up: false,
            doubted: false,
            doubt: None,
            given_up: None,
            tainted: false,
        }
    }

    /// Nothing behind it in its lane has to wait for it any more.
    pub(super) fn lets_pass(&self) -> bool {
        (self.safe && self.stage == Stage::Idle)
            || matches!(self.stage, Stage::Done { effects: false } | Stage::Marking { effects: false } | Stage::Marked | Stage::Lettered)
    }

    pub(super) fn in_hands(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Done { .. } | Stage::Marking { .. } | Stage::Lettering)
    }
}

/// The bounds of the wait after so many failed attempts, worked out the slow way.
pub(super) fn bounds(backoff: &Backoff, failed: u32) -> (u64, u64) {
    let mut wait = u128::from(backoff.first);
    for _ in 1..failed {
        wait = (wait * u128::from(backoff.factor_percent) / 100).min(u128::from(backoff.max));
    }
    let longest = wait.min(u128::from(backoff.max));
    let shortest = longest * u128::from(100 - backoff.jitter_percent.min(100)) / 100;
    (u64::try_from(shortest).unwrap_or(u64::MAX), u64::try_from(longest).unwrap_or(u64::MAX))
}
