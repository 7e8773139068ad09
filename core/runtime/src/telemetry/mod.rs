//! What can be seen from outside: metrics, health, spans, log lines.

mod health;
mod listener;
mod metrics;
mod names;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "otlp_left_out.rs"]
mod otlp;
mod prometheus;
mod pulse;
mod readings;

pub(crate) use health::{Health, Limits};
pub(crate) use listener::Listener;
pub use metrics::Metrics;
pub(crate) use metrics::Unsettled;
pub(crate) use otlp::{Attempt, Otlp, Tracer};
pub(crate) use pulse::Pulse;
