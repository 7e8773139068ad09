//! What can be seen from outside, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be seen from outside while a consumer runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Where `/livez`, `/readyz`, `/startupz` and `/metrics` are served: `IP:PORT` or `localhost:PORT`. Anyone who reaches it can read
    /// it, so use `127.0.0.1` unless a supervisor asks from outside. Not set: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Where traces and metrics are sent over OTLP (http/protobuf): the base URL of a collector, as `http://localhost:4318`. Not set:
    /// where `OTEL_EXPORTER_OTLP_ENDPOINT` says, else nowhere. Credentials belong into `OTEL_EXPORTER_OTLP_HEADERS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<String>,
    /// How the trace of an event continues that of its producer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "continue"))]
    pub traces: Option<Traces>,
}

/// How the trace of an event continues that of its producer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Traces {
    /// The producer's trace goes on: its span is the parent, and is linked as well.
    #[default]
    Continue,
    /// Each event has a trace of its own that is linked to the producer's.
    Link,
}
