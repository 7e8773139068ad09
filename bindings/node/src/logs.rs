//! Lines of the log, for the host's logger.

use std::time::Duration;

use onceward_bridge::logs;
use serde_json::json;

/// Collects lines of this level and above, for the whole process.
#[napi_derive::napi]
pub fn collect_logs(level: String) {
    logs::collect(&level);
}

/// Up to so many lines that are there now, as JSON; none: an empty text.
#[napi_derive::napi]
pub fn next_logs(max: u32) -> String {
    let lines = logs::next(max as usize, Duration::ZERO);
    if lines.is_empty() {
        return String::new();
    }
    let lines = lines
        .into_iter()
        .map(|line| json!({"level": line.level, "target": line.target, "message": line.message, "at": line.at, "fields": line.fields}));
    serde_json::Value::from_iter(lines).to_string()
}
