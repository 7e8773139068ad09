//! The contract of a row: its work in the environment, its result in one line.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// A variable, or what stands for it.
pub(crate) fn text(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

/// A variable as a number.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// Where the broker is.
pub(crate) fn brokers() -> String {
    text("BOOTSTRAP", &text("ONCEWARD_TEST_BROKERS", "127.0.0.1:19092"))
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0)
}

/// Memory of this process, in MiB; 0 where the system does not tell.
pub(crate) fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()).map_or(0.0, |kib| kib / 1024.0)
}

/// What a row prints when it is done.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) peer: String,
    pub(crate) workload: String,
    pub(crate) records: u64,
    /// From the first record handled to the last one handled and its offset committed.
    pub(crate) seconds: f64,
    /// From the start of the process.
    pub(crate) seconds_total: f64,
    pub(crate) dups: u64,
    pub(crate) dlt: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) handler_ms: Option<f64>,
    /// Memory in MiB after each million of records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rss_mib: Vec<f64>,
}

impl Line {
    pub(crate) fn new(peer: &str, records: u64, first: Instant, started: Instant) -> Self {
        Self {
            peer: peer.to_owned(),
            workload: text("WORKLOAD", "?"),
            records,
            seconds: first.elapsed().as_secs_f64(),
            seconds_total: started.elapsed().as_secs_f64(),
            dups: 0,
            dlt: 0,
            p50_ms: None,
            p99_ms: None,
            max_ms: None,
            handler_ms: None,
            rss_mib: Vec::new(),
        }
    }

    /// Adds the delays of healthy records.
    pub(crate) fn delays(&mut self, mut delays: Vec<i64>) {
        if delays.is_empty() {
            return;
        }
        delays.sort_unstable();
        let at = |percent: usize| delays.get((delays.len() - 1) * percent / 100).copied();
        (self.p50_ms, self.p99_ms, self.max_ms) = (at(50), at(99), at(100));
    }

    pub(crate) fn print(&self) {
        println!("{}", serde_json::to_string(self).unwrap_or_default());
    }
}
