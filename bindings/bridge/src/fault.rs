//! Errors as every language gets them: a code of the closed list, and a text for people.

use onceward::{Error, ErrorCode};

/// An error that crosses the border.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Which kind.
    pub code: ErrorCode,
    /// What happened, where, and what to do.
    pub message: String,
    /// For [`ErrorCode::Config`]: each problem as field path and message.
    pub problems: Vec<(String, String)>,
}

/// The closed list, as it is written in other languages.
#[must_use]
pub fn codes() -> [(ErrorCode, &'static str); 6] {
    [ErrorCode::Config, ErrorCode::Inbox, ErrorCode::Broker, ErrorCode::Topics, ErrorCode::Halted, ErrorCode::Closed]
        .map(|code| (code, name(code)))
}

fn name(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::Config => "config",
        ErrorCode::Inbox => "inbox",
        ErrorCode::Broker => "broker",
        ErrorCode::Topics => "topics",
        ErrorCode::Halted => "halted",
        ErrorCode::Closed => "closed",
    }
}

impl Fault {
    /// The code's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        name(self.code)
    }

    pub(crate) fn config(path: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code: ErrorCode::Config, message: format!("{path}: {message}"), problems: vec![(path.to_owned(), message)] }
    }

    pub(crate) fn closed(message: &str) -> Self {
        Self { code: ErrorCode::Closed, message: message.to_owned(), problems: Vec::new() }
    }

    pub(crate) fn halted(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Halted, message: message.into(), problems: Vec::new() }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let problems = match &error {
            Error::Config(config) => config.problems.iter().map(|problem| (problem.path.clone(), problem.message.clone())).collect(),
            _ => Vec::new(),
        };
        Self { code: error.code(), message: error.to_string(), problems }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    #[test]
    fn names_are_those_of_the_serialised_codes() {
        for (code, name) in super::codes() {
            assert_eq!(serde_json::to_value(code).unwrap(), name);
        }
    }
}
