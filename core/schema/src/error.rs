//! A schema that can't be used, told to people.

use crate::text::shown;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaErrorKind {
    /// The text is no schema of its format.
    Invalid,
    /// It is larger, deeper or more entangled than the limits allow.
    Limit,
    /// It refers to something that was not handed in.
    MissingReference,
}

/// A schema that can't be parsed or compared: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// What went wrong, for programs.
    pub kind: SchemaErrorKind,
    /// The name of the source, and the place in it where one is known.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub cure: String,
}

impl SchemaError {
    pub(crate) fn invalid(place: &str, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { kind: SchemaErrorKind::Invalid, place: shown(place), problem: problem.into(), cure: cure.into() }
    }

    pub(crate) fn limit(place: &str, problem: impl Into<String>) -> Self {
        let cure = "split the schema, or raise the limit if you trust its author".to_owned();
        Self { kind: SchemaErrorKind::Limit, place: shown(place), problem: problem.into(), cure }
    }

    pub(crate) fn missing(place: &str, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { kind: SchemaErrorKind::MissingReference, place: shown(place), problem: problem.into(), cure: cure.into() }
    }
}

impl std::fmt::Display for SchemaError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}; {}", self.place, self.problem, self.cure)
    }
}

impl std::error::Error for SchemaError {}
