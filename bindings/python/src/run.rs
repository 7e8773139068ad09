//! Consecutive events of one key, one after the other.

use std::sync::Arc;

use onceward_bridge::HeldRun;
use pyo3::prelude::*;

use crate::convert;
use crate::event::Event;
use crate::queue::Queue;

/// Iterated: each step says that the event before is done, and begins the next one.
#[pyclass(module = "onceward._native")]
pub(crate) struct Run {
    pub(crate) inner: HeldRun,
}

#[pymethods]
impl Run {
    /// Which handler, by its number.
    #[getter]
    fn handler(&self) -> usize {
        self.inner.handler
    }

    /// How `Queue.told` calls it.
    #[getter]
    fn token(&self) -> u64 {
        self.inner.token
    }

    /// From now on the queue is told when an event is past its handler_timeout.
    fn watch(&mut self, queue: &Queue) {
        self.inner.watch(&Arc::clone(&queue.0));
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self) -> Option<Event> {
        self.inner.done();
        self.inner.next_event().map(Event)
    }

    /// The event in hand failed; nothing behind it is begun.
    #[pyo3(signature = (verdict, kind="", message="", stack="", names=Vec::new(), after=None))]
    fn fail(&mut self, verdict: &str, kind: &str, message: &str, stack: &str, names: Vec<String>, after: Option<f64>) -> PyResult<()> {
        self.inner.end(convert::outcome(verdict, kind.to_owned(), message.to_owned(), stack.to_owned(), names, after)?);
        Ok(())
    }

    /// The handler was stopped because it was past its handler_timeout.
    fn stopped(&mut self) {
        self.inner.stopped();
    }
}
