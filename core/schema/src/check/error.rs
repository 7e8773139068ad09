//! Why there is no answer.

use crate::error::SchemaError;

/// Why a schema could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// What was asked makes no sense.
    Usage(String),
    /// There is nothing to compare with.
    NoOldVersion(String),
    /// A file, a folder or git did not answer.
    Unreadable(String),
    /// A schema is none, or goes beyond the limits.
    Schema(SchemaError),
}

impl std::fmt::Display for CheckError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(text) | Self::NoOldVersion(text) | Self::Unreadable(text) => text.fmt(formatter),
            Self::Schema(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for CheckError {}

impl From<SchemaError> for CheckError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error)
    }
}
