//! What can be seen from outside: metrics, spans, log lines.

mod metrics;

pub use metrics::Metrics;
