//! What can be seen from outside: metrics, health, spans, log lines.

mod health;
mod listener;
mod metrics;
mod pulse;

pub(crate) use health::Health;
pub(crate) use listener::Listener;
pub use metrics::Metrics;
pub(crate) use pulse::Pulse;
