//! Lines of the log, for Python's `logging`.

use onceward_bridge::logs;
use pyo3::prelude::*;

use crate::convert::seconds;

/// Level, target, text, seconds since 1970, fields.
type Line = (&'static str, &'static str, String, f64, Vec<(String, String)>);

/// Collects lines of this level and above, for the whole process.
#[pyfunction]
pub(crate) fn collect_logs(level: &str) {
    logs::collect(level);
}

/// Up to so many lines; waits for the first one so many seconds.
#[pyfunction]
pub(crate) fn next_logs(py: Python<'_>, max: usize, wait: f64) -> PyResult<Vec<Line>> {
    let wait = seconds(wait)?;
    let lines = py.detach(|| logs::next(max, wait));
    Ok(lines.into_iter().map(|line| (line.level, line.target, line.message, line.at, line.fields)).collect())
}

/// Whoever waits for lines stops waiting.
#[pyfunction]
pub(crate) fn wake_logs() {
    logs::wake();
}
