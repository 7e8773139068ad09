//! Lines of the log, for the host's logger.

use std::time::Duration;

use onceward_bridge::logs;

/// A line.
#[derive(uniffi::Record)]
pub struct NativeLine {
    /// `ERROR`, `WARN`, `INFO`, `DEBUG` or `TRACE`.
    pub level: String,
    /// Who wrote it.
    pub target: String,
    /// The text, with the line's own fields behind it.
    pub message: String,
    /// Its fields, and those of the event that it speaks of; of one name the innermost first.
    pub fields: Vec<NativeField>,
}

/// A field of a line.
#[derive(uniffi::Record)]
pub struct NativeField {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Collects lines of this level and above, for the whole process.
#[uniffi::export]
fn collect_logs(level: String) {
    logs::collect(&level);
}

/// Up to so many lines; waits for the first one at most so long.
#[uniffi::export]
fn next_logs(max: u32, wait: Duration) -> Vec<NativeLine> {
    let lines = logs::next(max as usize, wait).into_iter();
    lines.map(|line| native(line.level, line.target, line.message, line.fields)).collect()
}

/// Whoever waits for lines stops waiting.
#[uniffi::export]
fn wake_logs() {
    logs::wake();
}

pub(crate) fn native(level: &str, target: &str, message: String, fields: Vec<(String, String)>) -> NativeLine {
    let fields = fields.into_iter().map(|(name, value)| NativeField { name, value }).collect();
    NativeLine { level: level.to_owned(), target: target.to_owned(), message, fields }
}
