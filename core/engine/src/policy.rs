//! What the user decided, in the engine's terms: validated by the runtime before it gets here.

use serde::{Deserialize, Serialize};

/// Settings of one engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EngineSettings {
    /// Policies, indexed by [`crate::PolicyId`]. At least one.
    pub policies: Vec<Policy>,
    /// Handlers (runs) that may be in flight at once. Default 64.
    pub concurrency: u32,
    /// How much may be in memory, over all partitions. Default 10,000 records and 64 MiB.
    pub credit: Credit,
    /// Milliseconds between two commits of a partition. Default 1,000.
    pub commit_interval: u64,
    /// Milliseconds after which it is looked for records that can go from a ledger, while there are settled letters. Default 600,000.
    /// `u64::MAX`: never.
    #[serde(default = "ten_minutes")]
    pub clean_interval: u64,
    /// An event is given up when the process died so often while it ran alone. Default 3.
    #[serde(default = "three")]
    pub crash_limit: u32,
    /// Seed of the jitter.
    pub seed: u64,
    /// Emit [`crate::Effect::Finished`] once every assigned partition is read to its end and resolved.
    pub until_end: bool,
}

/// A budget of records and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Records in flight.
    pub records: u32,
    /// Their bytes: keys, values and headers.
    pub bytes: u64,
}

/// How the events of one handler are treated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Which events wait for each other.
    pub order: Order,
    /// Where events without a key go under [`Order::Key`].
    pub null_keys: NullKeys,
    /// When a failed event is tried again, and when it is given up.
    pub backoff: Backoff,
    /// How long a handler may take, in milliseconds; `None`: for ever. Default 60,000.
    #[serde(default)]
    pub handler_timeout: Option<u64>,
    /// When failures are taken for an outage; `None`: never. Default: the default rules.
    #[serde(default)]
    pub breaker: Option<BreakerRules>,
    /// How many events may start per second, in thousandths; `None`: as many as can. Default `None`.
    #[serde(default)]
    pub max_rate: Option<u32>,
    /// How events are handed over together; `None`: one by one.
    #[serde(default)]
    pub batch: Option<Batching>,
    /// Whether later events of a key follow its letters, unhandled, until those are settled. Default no. Needs a ledger.
    #[serde(default)]
    pub hold: bool,
    /// A letter that failed so many replays is replayed only when a person insists. Default 5.
    #[serde(default = "five")]
    pub max_replays: u32,
    /// How many consecutive events of one lane may be dispatched as one run. Default 256.
    pub run_length: u32,
    /// What happens to an event whose id was seen with other bytes.
    pub on_conflict: OnConflict,
    /// What happens when the group's offset was moved back by hand.
    pub on_rewind: OnRewind,
    /// What happens when the broker deleted offsets that were never read.
    pub on_gap: OnGap,
}

/// Which events wait for each other, always within one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Events of one key, in offset order.
    Key,
    /// All events of the partition, in offset order.
    Partition,
    /// None.
    None,
}

/// Where events without a key go under [`Order::Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NullKeys {
    /// Each is a lane of its own.
    Parallel,
    /// All share one lane per partition.
    Serial,
}

/// The retry policy. All times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Handler calls per event, the first included. Default 5.
    pub attempts: u32,
    /// Wait after the first failure. Default 200.
    pub first: u64,
    /// Each further wait is this many hundredths of the one before. Default 200 (doubles).
    pub factor_percent: u32,
    /// Longest single wait. Default 30,000.
    pub max: u64,
    /// Time budget from the first attempt to the last; past it the event is given up. Default 300,000.
    pub total: u64,
    /// How much of a wait is random, in hundredths: a wait `w` becomes one of `w * (100 - jitter) / 100 ..= w`. Default 20.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { attempts: 5, first: 200, factor_percent: 200, max: 30_000, total: 300_000, jitter_percent: 20 }
    }
}

/// How events are handed to a batch handler: as many as are ready, up to a limit, in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batching {
    /// Events of one call. Default 500.
    pub most: u32,
    /// Calls at once. While they run, the next batch gathers. Default 1.
    pub parallel: u32,
}

impl Default for Batching {
    fn default() -> Self {
        Self { most: 500, parallel: 1 }
    }
}

/// When failures are taken for an outage, and when it is over. All times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerRules {
    /// At least this share of events fails, in hundredths, 1 to 99. Default 90.
    pub percent: u32,
    /// So many events failed. Default 50.
    pub events: u32,
    /// Of so many keys. Default 20.
    pub keys: u32,
    /// For so long. Default 10,000.
    pub time: u64,
    /// Pause between two probes while they fail. Default 1,000.
    pub probe: u64,
    /// So many attempts in a row succeed: it closes. Default 3.
    pub successes: u32,
    /// After so long with the breaker open a run until the end gives up. Default 300,000.
    pub limit: u64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { percent: 90, events: 50, keys: 20, time: 10_000, probe: 1_000, successes: 3, limit: 300_000 }
    }
}

/// The same id with other bytes: somebody used an entity's id as the event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    /// To the dead-letter topic, so that nothing vanishes (default).
    DeadLetter,
    /// Treat it as a copy and drop it.
    Duplicate,
}

/// An operator moved the group's offset back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnRewind {
    /// Halt the partition and ask (default).
    Stop,
    /// Read from there; what is marked is dropped as a copy.
    Reprocess,
    /// Go on where we were.
    Skip,
}

/// The broker deleted offsets that were never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnGap {
    /// Halt the partition (default).
    Stop,
    /// Report the range and go on at the oldest offset there is.
    Continue,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            order: Order::Key,
            null_keys: NullKeys::Parallel,
            backoff: Backoff::default(),
            handler_timeout: Some(60_000),
            breaker: Some(BreakerRules::default()),
            max_rate: None,
            batch: None,
            hold: false,
            max_replays: five(),
            run_length: 256,
            on_conflict: OnConflict::DeadLetter,
            on_rewind: OnRewind::Stop,
            on_gap: OnGap::Stop,
        }
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            policies: vec![Policy::default()],
            concurrency: 64,
            credit: Credit { records: 10_000, bytes: 64 << 20 },
            commit_interval: 1_000,
            clean_interval: ten_minutes(),
            crash_limit: three(),
            seed: 0,
            until_end: false,
        }
    }
}

fn ten_minutes() -> u64 {
    600_000
}

fn three() -> u32 {
    3
}

fn five() -> u32 {
    5
}
