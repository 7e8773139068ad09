//! JSON lines into a file, each written at once: a killed process loses none.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use super::super::failure::{Doing as _, Failure};

/// Everything that is logged from now on goes into this file.
pub(super) fn into_file(path: &Path) -> Result<(), Failure> {
    let file = File::create(path).doing("create the log file")?;
    let subscriber =
        tracing_subscriber::fmt().json().with_span_list(false).with_max_level(tracing::Level::INFO).with_writer(Mutex::new(file)).finish();
    tracing::subscriber::set_global_default(subscriber).doing("start logging")
}
