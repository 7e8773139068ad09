//! What a handler of another language said.

use std::time::Duration;

use onceward::{Failure, Report};

/// An error of another language.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// The error's type, with its path.
    pub kind: String,
    /// Its text.
    pub message: String,
    /// Its stack trace and causes.
    pub stack: String,
    /// The names of its type and of all types above it.
    pub names: Vec<String>,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The event is handled.
    Done,
    /// Worth another attempt, unless the type is declared fatal.
    Failed(Trouble),
    /// Another attempt after this long.
    Retry(Trouble, Duration),
    /// Given up at once.
    Reject(Trouble),
    /// Given up at once: the payload can't be read.
    Undecodable(Trouble),
    /// The program stops; the event is nobody's failure.
    Stop(String),
}

impl Outcome {
    pub(crate) fn into_result(self) -> Result<(), Failure> {
        match self {
            Self::Done => Ok(()),
            Self::Failed(trouble) => Err(trouble.into_failure()),
            Self::Retry(trouble, after) => Err(trouble.into_failure().after(after)),
            Self::Reject(trouble) => Err(trouble.into_failure().fatal()),
            Self::Undecodable(trouble) => Err(trouble.into_failure().undecodable()),
            Self::Stop(why) => Err(Failure::stop(&why)),
        }
    }
}

impl Trouble {
    fn into_failure(self) -> Failure {
        let Self { kind, message, stack, names } = self;
        Failure::foreign(Report { kind, message, chain: stack }, names)
    }
}
