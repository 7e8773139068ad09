//! Consecutive events of one key, one after the other; and for threads, those of the next key behind them.

use std::sync::Arc;

use onceward_bridge::{HeldRun, Queue as Waiting, Work};
use pyo3::prelude::*;

use crate::convert;
use crate::event::Event;
use crate::queue::{Queue, object};

/// Iterated: each step says that the event before is done, and begins the next one.
#[pyclass(module = "onceward._native")]
pub(crate) struct Run {
    pub(crate) inner: HeldRun,
    /// Where further runs come from. Most have one event: without a way from one to the next, most of the time would go into the loop around.
    pub(crate) queue: Option<Arc<Waiting>>,
    /// What came out of the queue and is another handler's.
    pub(crate) other: Option<Work>,
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

    /// Whether the event in hand is past its handler_timeout; only of runs that are watched.
    #[getter]
    fn told(&self) -> bool {
        self.inner.is_told()
    }

    /// From now on it goes on with the next run that waits there, as long as that is the same handler's.
    fn through(&mut self, queue: &Queue) {
        self.queue = Some(Arc::clone(&queue.0));
    }

    /// What waited and is another handler's, when it has ended.
    fn another<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.other.take().map(|work| object(py, work)).transpose()
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self) -> Option<Event> {
        self.inner.done();
        loop {
            if let Some(event) = self.inner.next_event() {
                return Some(Event(event));
            }
            match self.queue.as_ref()?.try_next()? {
                Work::Run(next) if next.handler == self.inner.handler => self.inner = next,
                other => {
                    self.other = Some(other);
                    return None;
                }
            }
        }
    }

    /// The event in hand failed; nothing behind it in its run is begun.
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
