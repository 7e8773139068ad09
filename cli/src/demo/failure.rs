//! Why the demo could not be finished. A check that does not hold is no failure of this kind: it is the demo's answer.

use std::process::ExitCode;

use onceward::{Error, ErrorCode};

/// What went wrong, for the person who ran it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Ctrl-C.
    #[error("interrupted; the consuming process is stopped and everything is cleaned up")]
    Interrupted,
    /// The machine or the program is not as it should be.
    #[error("{0}")]
    Failed(String),
    /// The cluster does not answer.
    #[error("{0}")]
    Broker(String),
}

impl Failure {
    /// Tells it, and gives the exit code.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        if json {
            let code = match self {
                Self::Interrupted => "interrupted",
                Self::Failed(_) => "failed",
                Self::Broker(_) => "broker",
            };
            // The same message goes to stderr below, so a stdout that is gone hides nothing.
            crate::output::json(&serde_json::json!({ "error": { "code": code, "message": self.to_string() } })).ok();
        }
        crate::output::message("error", &self.to_string());
        self.exit()
    }

    pub(super) fn exit(&self) -> ExitCode {
        match self {
            Self::Failed(_) => ExitCode::from(crate::exit::NO),
            Self::Broker(_) => ExitCode::from(crate::exit::UNKNOWN),
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.code() {
            ErrorCode::Broker => Self::Broker(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

/// Says what was being done when something failed.
pub(super) trait Doing<T> {
    /// As in `doing("create the folder of the demo")`.
    fn doing(self, what: &str) -> Result<T, Failure>;
    /// The same where the other side is a broker.
    fn asking_broker(self, what: &str) -> Result<T, Failure>;
}

impl<T, E: std::fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Failed(format!("can't {what}: {error}")))
    }

    fn asking_broker(self, what: &str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Broker(format!("can't {what}: {error}. Is the cluster up, and may this user do that?")))
    }
}
