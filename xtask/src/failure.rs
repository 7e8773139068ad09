//! What stops a command: one sentence for the person who typed it.

use std::fmt;

/// Why a command could not go on.
#[derive(Debug)]
pub(crate) struct Failure(String);

/// A result whose error is a sentence.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that says this.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was tried when an error of a library comes up.
pub(crate) trait Doing<T> {
    /// `what` in the form "read FILE".
    fn doing(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure(format!("could not {what}: {error}")))
    }
}
