//! `onceward._native`: conversions between Python and the bridge, and nothing else.
//!
//! Nothing here is ever called by a thread of ours: Python pulls, and lets go of the GIL wherever it would wait. What is decided is decided
//! beneath the bridge; what Python people see (decorators, tasks, context variables) is written in Python.

mod batch;
mod convert;
mod error;
mod event;
mod letter;
mod logs;
mod queue;
mod rig;
mod run;
mod session;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::batch::Batch;
    #[pymodule_export]
    use super::error::error_codes;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::letter::Letter;
    #[pymodule_export]
    use super::logs::{collect_logs, next_logs, wake_logs};
    #[pymodule_export]
    use super::queue::Queue;
    #[pymodule_export]
    use super::rig::Rig;
    #[pymodule_export]
    use super::run::Run;
    #[pymodule_export]
    use super::session::Session;
}
