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
}
