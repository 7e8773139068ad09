//! A consumer's life.

use onceward_bridge::Session as Inner;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{self, seconds};
use crate::error::raised;
use crate::queue::Queue;

/// Opened from one JSON document, started once.
#[pyclass(frozen, module = "onceward._native")]
pub(crate) struct Session(pub(crate) Inner);

#[pymethods]
impl Session {
    #[new]
    fn new(py: Python<'_>, document: &str) -> PyResult<Self> {
        Inner::open(document).map(Self).map_err(|fault| raised(py, &fault))
    }

    /// Starts it on threads of its own.
    fn start(&self, py: Python<'_>, until_end: bool) -> PyResult<()> {
        py.detach(|| self.0.start(until_end)).map_err(|fault| raised(py, &fault))
    }

    /// Asks it to drain and end.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    /// Nothing is handed out any more: the end of a rig.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }

    /// Its numbers when it has ended; None when it still runs after so many seconds.
    fn wait<'py>(&self, py: Python<'py>, at_most: f64) -> PyResult<Option<Bound<'py, PyDict>>> {
        let at_most = seconds(at_most)?;
        let summary = py.detach(|| self.0.wait(at_most)).map_err(|fault| raised(py, &fault))?;
        let Some(summary) = summary else { return Ok(None) };
        let found = PyDict::new(py);
        for (name, value) in [
            ("handled", summary.handled),
            ("duplicates", summary.duplicates),
            ("ignored", summary.ignored),
            ("failed_attempts", summary.failed_attempts),
            ("dead_letters", summary.dead_letters),
            ("identity_conflicts", summary.identity_conflicts),
            ("abandoned", summary.abandoned),
            ("halted", summary.halted.into()),
        ] {
            found.set_item(name, value)?;
        }
        Ok(Some(found))
    }

    /// The queue of a channel.
    fn queue(&self, channel: usize) -> Option<Queue> {
        self.0.queue(channel).map(Queue)
    }

    /// Publishes from outside of handlers; waits until the event is durable. Its id.
    #[pyo3(signature = (topic, key, value, headers, id))]
    fn publish(
        &self,
        py: Python<'_>,
        topic: &str,
        key: Option<&Bound<'_, PyAny>>,
        value: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        id: Option<String>,
    ) -> PyResult<String> {
        let publish = convert::publish(topic, key, value, headers, id)?;
        py.detach(|| self.0.publish(publish)).map_err(|fault| raised(py, &fault))
    }

    /// Pauses a topic, or lets it go on.
    fn suspend(&self, py: Python<'_>, topic: &str, paused: bool) -> PyResult<()> {
        py.detach(|| self.0.suspend(topic, paused)).map_err(|fault| raised(py, &fault))
    }
}
