//! How the events of a topic are treated, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Breaker, DurationText, TopicSchema};

/// How the events of a topic are treated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Which events wait for each other, always within one partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "key"))]
    pub order: Option<Order>,
    /// Where the order key comes from: `key` (the record's key), `header:NAME`, or `json:/pointer` into the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "key"))]
    pub order_key: Option<String>,
    /// Where events without an order key go under `order = "key"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "parallel"))]
    pub null_keys: Option<NullKeys>,
    /// Where an event's identity comes from: `auto` (header `onceward-id`, else CloudEvents, else the record's coordinates),
    /// `header:NAME`, `json:/pointer` into the value, or `coordinates` (knows redeliveries, not producers that send twice).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub event_id: Option<String>,
    /// Whether the same id in two topics is the same event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "topic"))]
    pub dedup_scope: Option<DedupScope>,
    /// What happens to an event whose id was seen with other bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "dead_letter"))]
    pub on_conflict: Option<OnConflict>,
    /// What happens when an operator moved the group's offset back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "stop"))]
    pub on_rewind: Option<OnRewind>,
    /// What happens when the broker deleted records that were never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "stop"))]
    pub on_gap: Option<OnGap>,
    /// Where an event's type comes from, when handlers are registered for types: `auto` (header `ce_type`, else `type` of a structured
    /// CloudEvent), `header:NAME`, or `json:/pointer` into the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "auto"))]
    pub event_type: Option<String>,
    /// What happens to an event for whose type there is no handler, when handlers are registered for types.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "dead_letter"))]
    pub unrouted_type: Option<UnroutedType>,
    /// The schema of the values: they are decoded and validated before a handler is called. Not set: values are bytes, and JSON where the handler
    /// says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<TopicSchema>,
    /// How many events each handler may start per second in this process, 0.001 to 1000000; not set: as many as can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<f64>,
    /// How many consecutive events of one lane may be handed over as one run, 1 to 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 256))]
    pub run_length: Option<u32>,
    /// When a failed event is tried again, and when it is given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long a handler may take, 10ms to 1d. Past it, it is stopped where it waits, which is a failed attempt; one that never waits can't
    /// be stopped: it is reported as stuck, and its key waits for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "60s"))]
    pub handler_timeout: Option<DurationText>,
    /// When failures are taken for an outage of what the handler calls. Every topic has a breaker, unless it is turned off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<Breaker>,
    /// Type names of errors that are never tried again, as `ValueError`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = []))]
    pub fatal: Option<Vec<String>>,
    /// What happens to the later events of a key whose event was dead-lettered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "continue"))]
    pub after_dead_letter: Option<AfterDeadLetter>,
    /// A dead letter that failed so many replays is replayed only by `--force`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 5))]
    pub max_replays: Option<u32>,
}

/// The retry policy. The wait after attempt `n` is `first * factor^(n-1)`, at most `max`, shortened by up to `jitter`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Handler calls per event, the first included, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 5))]
    pub attempts: Option<u32>,
    /// Wait after the first failure, at least 1ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "200ms"))]
    pub first: Option<DurationText>,
    /// How much longer each further wait is than the one before, 1.0 to 100.0, in hundredths.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 2.0))]
    pub factor: Option<f64>,
    /// Longest single wait, at least `first`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "30s"))]
    pub max: Option<DurationText>,
    /// Time from the first attempt to the last; past it the event is given up. At least `first`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub total: Option<DurationText>,
    /// How much of a wait is random, 0.0 to 1.0, so that many failed events do not come back at the same instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0.2))]
    pub jitter: Option<f64>,
}

/// Which events wait for each other, always within one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Events of one key, in offset order.
    Key,
    /// All events of the partition, in offset order.
    Partition,
    /// None.
    None,
}

/// Where events without an order key go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NullKeys {
    /// Each waits for none.
    Parallel,
    /// They wait for each other.
    Serial,
}

/// Whether the same id in two topics is the same event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DedupScope {
    /// No: ids count within their topic.
    Topic,
    /// Yes: ids count within the group.
    Group,
}

/// What happens to an event whose id was seen with other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// To the dead-letter topic, so that nothing vanishes.
    DeadLetter,
    /// It is treated as a copy and dropped.
    Duplicate,
}

/// What happens when an operator moved the group's offset back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRewind {
    /// Halt the partition and ask.
    Stop,
    /// Read from there; whatever is still marked is dropped as a copy, events known by coordinates too. To handle it again, its marks have to go: use another group or another inbox.
    Reprocess,
    /// Go on where we were.
    Skip,
}

/// What happens when the broker deleted records that were never read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// Halt the partition.
    Stop,
    /// Report the range and go on at the oldest record there is.
    Continue,
}

/// What happens to an event for whose type there is no handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnroutedType {
    /// To the dead-letter topic, with the reason `rejected`.
    DeadLetter,
    /// It is passed over, unhandled and unmarked.
    Ignore,
    /// The run ends with an error; the event is read again after the next start.
    Stop,
}

/// What happens to the later events of a key whose event was dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AfterDeadLetter {
    /// They are handled.
    Continue,
    /// They follow it into the dead-letter topic, in order and unhandled, until it is replayed or discarded. Other keys never notice.
    Hold,
}
