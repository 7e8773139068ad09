//! When failures are taken for an outage, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DurationText;

/// When failures are taken for an outage: then only single probes run, no attempt counts, and nothing is given up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Whether there is a breaker.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = true))]
    pub enabled: Option<bool>,
    /// It opens when at least this share of events fails, 0.6 to 0.99, in hundredths. Only retryable failures count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0.9))]
    pub failing: Option<f64>,
    /// … when so many events failed, 1 to 65536, each counted once however many attempts it had, …
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 50))]
    pub events: Option<u32>,
    /// … of so many keys, 1 to 65536, not more than `events`. Under `order = "partition"` a partition is one key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 20))]
    pub keys: Option<u32>,
    /// … and it has been so for this long, at most 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "10s"))]
    pub time: Option<DurationText>,
    /// While it is open: the pause between two probes, 10ms to 1h. After a success the next one follows at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "1s"))]
    pub probe: Option<DurationText>,
    /// It closes when so many attempts in a row succeeded, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 3))]
    pub successes: Option<u32>,
    /// A run until the end that finds it open for this long ends with an error, 1s to 7d.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub limit: Option<DurationText>,
}
