//! Faults become exceptions: their classes are written in Python, one for each code of the closed list.

use onceward_bridge::{Fault, codes};
use pyo3::prelude::*;

/// The exception of a fault.
pub(crate) fn raised(py: Python<'_>, fault: &Fault) -> PyErr {
    let make = || {
        let errors = py.import("onceward._errors")?;
        errors.getattr("from_code")?.call1((fault.name(), &fault.message, fault.problems.clone()))
    };
    match make() {
        Ok(exception) => PyErr::from_value(exception),
        // The package is broken or the interpreter is going down: then that is the news.
        Err(error) => error,
    }
}

/// The codes of errors: `_errors.py` has a class for each.
#[pyfunction]
pub(crate) fn error_codes() -> Vec<&'static str> {
    codes().into_iter().map(|(_, name)| name).collect()
}
