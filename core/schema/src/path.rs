//! Where in an event a difference shows: `$.lines[].price`.

use std::fmt;

use crate::text::shown;

/// A chain of types may be as long as a schema; nobody reads a path like that.
const LONGEST: usize = 600;

/// A place in the data that a schema describes, or a name in a `.proto` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path(String);

impl Path {
    /// The whole event.
    pub(crate) fn root() -> Self {
        Self("$".to_owned())
    }

    /// Something that is found by its name and not by its place.
    pub(crate) fn named(name: &str) -> Self {
        Self(shown(name))
    }

    fn then(&self, step: &str) -> Self {
        if self.0.ends_with('…') {
            return self.clone();
        }
        let step = if self.0.len() > LONGEST { "…" } else { step };
        Self(format!("{}{step}", self.0))
    }

    pub(crate) fn field(&self, name: &str) -> Self {
        self.then(&format!(".{}", shown(name)))
    }

    pub(crate) fn items(&self) -> Self {
        self.then("[]")
    }

    pub(crate) fn item(&self, index: usize) -> Self {
        self.then(&format!("[{index}]"))
    }

    pub(crate) fn values(&self) -> Self {
        self.then(".*")
    }

    pub(crate) fn matching(&self, pattern: &str) -> Self {
        self.then(&format!("./{}/", shown(pattern)))
    }

    /// A member of a union, by its name or number.
    pub(crate) fn member(&self, name: &str) -> Self {
        self.then(&format!("({})", shown(name)))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
