//! Work that waits for Python.

use std::sync::Arc;

use onceward_bridge::{Queue as Inner, Work};
use pyo3::prelude::*;

use crate::batch::Batch;
use crate::convert::seconds;
use crate::letter::Letter;
use crate::run::Run;

/// One channel: for threads, or for an event loop.
#[pyclass(frozen, module = "onceward._native")]
pub(crate) struct Queue(pub(crate) Arc<Inner>);

#[pymethods]
impl Queue {
    /// A Run, a Batch or a Letter; None when none has come within so many seconds.
    fn next<'py>(&self, py: Python<'py>, wait: f64) -> PyResult<Option<Bound<'py, PyAny>>> {
        // Letting go of the GIL and taking it again costs more than a small handler: it is done only to wait.
        if let Some(work) = self.0.try_next() {
            return object(py, work).map(Some);
        }
        let wait = seconds(wait)?;
        if wait.is_zero() {
            return Ok(None);
        }
        let found = py.detach(|| self.0.next_batch(1, wait));
        found.unwrap_or_default().pop().map(|work| object(py, work)).transpose()
    }

    /// Whether nothing comes any more.
    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Tokens of what is past its handler_timeout.
    fn told(&self) -> Vec<u64> {
        self.0.take_told()
    }

    /// A file descriptor that becomes readable when something is to be done; None where there is none.
    fn descriptor(&self) -> Option<i32> {
        self.0.descriptor()
    }

    /// Drops what waits: the end of a life in a rig.
    fn clear(&self, py: Python<'_>) {
        py.detach(|| self.0.clear());
    }

    /// To be called when the descriptor is readable, before work is taken.
    fn silence(&self) {
        self.0.silence();
    }
}

fn object(py: Python<'_>, work: Work) -> PyResult<Bound<'_, PyAny>> {
    Ok(match work {
        Work::Run(inner) => Bound::new(py, Run { inner })?.into_any(),
        Work::Batch(inner) => Bound::new(py, Batch { inner })?.into_any(),
        Work::Letter(held) => Bound::new(py, Letter(Some(held)))?.into_any(),
    })
}
