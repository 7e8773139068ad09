//! How a command ends: exit codes, and failures told to people and to programs.

use std::io;
use std::process::ExitCode;

use onceward::config::{ConfigError, Problem};
use onceward::inbox::InboxError;
use onceward::registry::RegistryError;
use serde::Serialize;

use crate::output::{self, visible};

/// Shown below the help.
pub(crate) const HELP: &str = "\
Exit codes: 0 ok · 1 the answer is no · 2 usage or configuration · 3 could not be checked
Settings:   flags over ONCEWARD_* variables over --config FILE (default: onceward.toml, if there)";

/// 1: the question was answered, with no.
pub(crate) const NO: u8 = 1;
/// 2: what was asked makes no sense.
const USAGE: u8 = 2;
/// 3: the question could not be answered.
pub(crate) const UNKNOWN: u8 = 3;

/// Why a command has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The command line is wrong.
    Usage(String),
    /// What was asked for does not exist.
    NotFound(String),
    /// A schema could not be checked: it can't be read, or there is nothing to compare it with.
    Unchecked(String),
    /// A schema registry has no answer.
    Registry(RegistryError),
    /// Something else had to answer and did not.
    Unreachable(String),
    /// Onceward's own error.
    Onceward(onceward::Error),
    /// Writing the answer failed.
    Output(io::Error),
}

/// The document that stands for a failure.
#[derive(Serialize)]
struct Document<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    problems: &'a [Problem],
}

impl Failure {
    /// Tells it and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        // `onceward dlt list | head` closes the pipe: that is no failure of ours and nobody is left to be told.
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        if json {
            let problems = if let Self::Config(error) = self { error.problems.as_slice() } else { &[] };
            let document = Document { error: Body { code: self.code(), message: self.to_string(), problems } };
            // The same message goes to stderr below, so a stdout that is gone hides nothing.
            output::json(&document).ok();
        }
        output::message("error", &self.to_string());
        ExitCode::from(self.exit())
    }

    fn exit(&self) -> u8 {
        match self {
            Self::NotFound(_)
            | Self::Onceward(onceward::Error::Topics(_) | onceward::Error::Halted(_) | onceward::Error::Inbox(InboxError::InUse { .. })) => {
                NO
            }
            Self::Config(_) | Self::Usage(_) | Self::Onceward(onceward::Error::Config(_)) => USAGE,
            _ => UNKNOWN,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Config(_) | Self::Onceward(onceward::Error::Config(_)) => "config",
            Self::Usage(_) => "usage",
            Self::NotFound(_) => "not_found",
            Self::Unchecked(_) => "schema",
            Self::Registry(_) => "registry",
            Self::Unreachable(_) | Self::Onceward(onceward::Error::Broker { .. }) => "broker",
            Self::Onceward(onceward::Error::Inbox(_)) => "inbox",
            Self::Onceward(onceward::Error::Topics(_)) => "topics",
            Self::Onceward(_) => "halted",
            Self::Output(_) => "output",
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(formatter),
            Self::Usage(text) | Self::NotFound(text) | Self::Unchecked(text) | Self::Unreachable(text) => visible(text).fmt(formatter),
            Self::Registry(error) => visible(&error.text).fmt(formatter),
            Self::Onceward(error) => error.fmt(formatter),
            Self::Output(error) => write!(formatter, "the answer can't be written: {error}"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<onceward::Error> for Failure {
    fn from(error: onceward::Error) -> Self {
        Self::Onceward(error)
    }
}

impl From<InboxError> for Failure {
    fn from(error: InboxError) -> Self {
        Self::Onceward(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
