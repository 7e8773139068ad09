//! Which environment variable or flag a value came from, so that a problem names the place where it can be mended.

use std::collections::BTreeMap;

use super::Problem;
use super::path::within;

/// Origins by path. Values of the file have none: their path says where they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins(BTreeMap<String, String>);

impl Origins {
    pub(super) fn remember(&mut self, path: &str, origin: &str) {
        self.0.insert(path.to_owned(), origin.to_owned());
    }

    /// Adds the origin to a problem's message.
    pub(super) fn name(&self, problem: Problem) -> Problem {
        match self.0.iter().find(|(path, _)| within(&problem.path, path)) {
            Some((_, origin)) => Problem { message: format!("{} (from {origin})", problem.message), ..problem },
            None => problem,
        }
    }
}
