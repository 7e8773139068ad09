//! Errors, as Kotlin makes exceptions of them.

use onceward_bridge::{Fault, codes};

/// An error that crosses the border.
#[derive(Debug, thiserror::Error, uniffi::Error)]
pub enum NativeFault {
    /// One of the closed list.
    #[error("{text}")]
    Known {
        /// Its code.
        code: String,
        /// What happened, where, and what to do.
        text: String,
        /// Of a configuration: field path and message of each problem.
        problems: Vec<NativeProblem>,
    },
    /// A wrong argument.
    #[error("{text}")]
    Argument {
        /// What is wrong with it.
        text: String,
    },
}

/// One problem of a configuration.
#[derive(Debug, uniffi::Record)]
pub struct NativeProblem {
    /// The field, as in onceward.toml.
    pub path: String,
    /// What is wrong.
    pub text: String,
}

pub(crate) type Result<T> = std::result::Result<T, NativeFault>;

impl From<Fault> for NativeFault {
    fn from(fault: Fault) -> Self {
        let problems = fault.problems.iter().map(|(path, text)| NativeProblem { path: path.clone(), text: text.clone() }).collect();
        Self::Known { code: fault.name().to_owned(), text: fault.message, problems }
    }
}

/// A wrong argument.
pub(crate) fn wrong(text: impl Into<String>) -> NativeFault {
    NativeFault::Argument { text: text.into() }
}

/// The codes of errors: the package has a class for each.
#[uniffi::export]
fn error_codes() -> Vec<String> {
    codes().into_iter().map(|(_, name)| name.to_owned()).collect()
}
