//! The checker: judges one engine by what goes in and what comes out.
//!
//! It shares no code with the engine and knows none of its structures: it keeps its own small model of every delivery, and says which
//! promise an effect breaks. The invariants carry the numbers of the list of promises: I1 nothing lost, I2 order, I3 isolation,
//! I4 bounded, I5 once, I6 attempts, I7 epoch, I10 shutdown, I12 outage is not poison.

mod breaker;
mod delivery;
mod dispatch;
mod effects;
mod forget;
mod gate;
mod inputs;
mod outcome;
mod partition;
mod rest;
mod suspect;
mod timeout;
mod watch;

pub use partition::State;
pub use watch::Watch;

use std::fmt;

/// A promise broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one: "I1" to "I12".
    pub invariant: &'static str,
    /// What happened, where.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

/// Whether the promises hold.
pub type Verdict = Result<(), Violation>;

/// A verdict of guilty.
pub(crate) fn broken<T>(invariant: &'static str, what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation { invariant, what: what.into() })
}
