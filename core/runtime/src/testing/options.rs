//! What a test says: how the rig is set up, and what is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// 2026-01-01 00:00:00 UTC.
const START: i64 = 1_767_225_600_000;

/// How a rig is set up.
#[derive(Clone, Debug)]
pub struct RigOptions {
    pub(super) seed: u64,
    pub(super) start: i64,
    pub(super) partitions: BTreeMap<String, i32>,
    pub(super) patience: Duration,
}

impl Default for RigOptions {
    fn default() -> Self {
        Self { seed: 1, start: START, partitions: BTreeMap::new(), patience: Duration::from_secs(60) }
    }
}

impl RigOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For the jitter of retries and the partitions of records without a key. The same seed and the same calls give the same history.
    /// Default 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The wall time at which the rig begins, in milliseconds since 1970. Default 2026-01-01 00:00:00 UTC.
    #[must_use]
    pub fn start(mut self, millis: i64) -> Self {
        self.start = millis;
        self
    }

    /// How many partitions a topic has, 1 to 10,000. Default 1, as a broker makes topics by itself.
    #[must_use]
    pub fn partitions(mut self, topic: impl Into<String>, count: i32) -> Self {
        self.partitions.insert(topic.into(), count.clamp(1, 10_000));
        self
    }

    /// How long one call may take in real time: a handler that blocks for longer is an error instead of a test that hangs. Default 60 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// One record to send. What is not set is null, or chosen as a producer would.
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    pub(super) id: Option<String>,
    pub(super) timestamp: Option<i64>,
    pub(super) partition: Option<i32>,
    pub(super) refused: Option<String>,
}

impl SendOptions {
    /// A record without key, value and headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record key.
    #[must_use]
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// The value's bytes.
    #[must_use]
    pub fn value(mut self, value: impl AsRef<[u8]>) -> Self {
        self.value = Some(value.as_ref().to_vec());
        self
    }

    /// The value as JSON. What can't be written as JSON is an error of [`Rig::send`](super::Rig::send).
    #[must_use]
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.value = Some(bytes),
            Err(error) => self.refused = Some(format!("its value can't be written as JSON: {error}")),
        }
        self
    }

    /// One more header.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), Some(value.as_ref().to_vec())));
        self
    }

    /// One more header whose value is null.
    #[must_use]
    pub fn null_header(mut self, name: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), None));
        self
    }

    /// The event's id, written where the topic's `event_id` looks for it: the header `onceward-id` by default, the header of
    /// `header:NAME`. With `json:/pointer` or `coordinates` the id is not ours to write, and [`Rig::send`](super::Rig::send) refuses.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The record's timestamp in milliseconds since 1970. Default: the rig's wall time.
    #[must_use]
    pub fn timestamp(mut self, millis: i64) -> Self {
        self.timestamp = Some(millis);
        self
    }

    /// The partition, instead of the one that the key's hash gives.
    #[must_use]
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }
}
