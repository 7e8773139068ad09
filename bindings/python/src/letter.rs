//! A dead letter that a function is told of.

use onceward_bridge::HeldLetter;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// A call of `on_dead_letter`.
#[pyclass(module = "onceward._native")]
pub(crate) struct Letter(pub(crate) Option<HeldLetter>);

#[pymethods]
impl Letter {
    /// What is told of it, as the arguments of `DeadLetter`.
    fn told<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let Some(held) = &self.0 else { return Err(PyRuntimeError::new_err("this letter has been told")) };
        let (letter, found) = (&held.letter, PyDict::new(py));
        found.set_item("group", &letter.group)?;
        found.set_item("topic", &letter.topic)?;
        found.set_item("partition", letter.partition)?;
        found.set_item("offset", letter.offset)?;
        found.set_item("letter_id", &letter.letter_id)?;
        found.set_item("reason", letter.reason)?;
        found.set_item("fingerprint", &letter.fingerprint)?;
        found.set_item("error_type", &letter.error_type)?;
        found.set_item("message", &letter.message)?;
        found.set_item("correlation_id", &letter.correlation_id)?;
        found.set_item("attempts", letter.attempts)?;
        found.set_item("replays", letter.replays)?;
        Ok(found)
    }

    /// The function has returned, or raised: the next letter may come.
    fn done(&mut self) {
        self.0 = None;
    }
}
