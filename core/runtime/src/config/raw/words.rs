//! Durations, amounts and words, as written.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{format_bytes, format_duration};

/// A duration: a whole number and a unit, as `200ms`, `10s`, `5m`, `1h` or `7d`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^\\s*[0-9]+\\s*(ms|s|m|h|d)\\s*$"))]
pub struct DurationText(pub String);

/// An amount of memory: a whole number and a unit, as `512KiB`, `64MiB` or `1GiB`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("pattern" = "^\\s*[0-9]+\\s*(B|KiB|MiB|GiB|TiB)\\s*$"))]
pub struct BytesText(pub String);

impl From<Duration> for DurationText {
    fn from(duration: Duration) -> Self {
        Self(format_duration(duration))
    }
}

impl From<&str> for DurationText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<u64> for BytesText {
    fn from(bytes: u64) -> Self {
        Self(format_bytes(bytes))
    }
}

impl From<&str> for BytesText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Where to start in a partition for which the group has no committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OffsetReset {
    /// At the oldest record.
    Earliest,
    /// Behind the newest record.
    Latest,
    /// Nowhere: the partition is refused with an error.
    Error,
}
