//! A child that was forked has a copy of our memory and none of our threads.

use crate::Fault;

/// The process in which something was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home(u32);

impl Home {
    pub(crate) fn here() -> Self {
        Self(std::process::id())
    }

    /// Whether this is still that process.
    pub(crate) fn is_here(self) -> bool {
        std::process::id() == self.0
    }

    /// # Errors
    /// In a child.
    pub(crate) fn check(self) -> Result<(), Fault> {
        if self.is_here() {
            return Ok(());
        }
        Err(Fault::closed(&format!(
            "this consumer was made in process {}, and process {} was forked from it: threads and connections do not survive a fork. Make the \
             consumer in the process that runs it, or start children with `spawn` instead of `fork`",
            self.0,
            std::process::id()
        )))
    }
}
