//! Several events for one call.

use onceward_bridge::{HeldBatch, Outcome};
use pyo3::prelude::*;

use crate::convert;
use crate::event::Event;

/// A call of a batch handler.
#[pyclass(module = "onceward._native")]
pub(crate) struct Batch {
    pub(crate) inner: HeldBatch,
}

#[pymethods]
impl Batch {
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

    /// The events.
    fn events(&self) -> Vec<Event> {
        self.inner.batch.iter().map(|event| Event(event.clone())).collect()
    }

    /// Every event is handled, except those that were failed.
    fn done(&mut self) {
        self.inner.end(Outcome::Done);
    }

    /// One event failed, or (without a position) the call as a whole.
    #[pyo3(signature = (position, verdict, kind="", message="", stack="", names=Vec::new(), after=None))]
    #[allow(clippy::too_many_arguments, reason = "the parts of an exception, as Python has them")]
    fn fail(
        &mut self,
        position: Option<usize>,
        verdict: &str,
        kind: &str,
        message: &str,
        stack: &str,
        names: Vec<String>,
        after: Option<f64>,
    ) -> PyResult<()> {
        let outcome = convert::outcome(verdict, kind.to_owned(), message.to_owned(), stack.to_owned(), names, after)?;
        match position {
            Some(position) => self.inner.fail(position, outcome),
            None => self.inner.end(outcome),
        }
        Ok(())
    }
}
