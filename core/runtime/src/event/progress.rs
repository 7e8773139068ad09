//! How far an attempt has come, and the word to stop it: between the driver and the task that polls the handler.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

const PENDING: u8 = 0;
const STARTED: u8 = 1;
const TOLD: u8 = 2;
const TAKEN_BACK: u8 = 3;

/// What a cancellation met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    /// No handler had begun, and none will.
    NotStarted,
    /// The handler is told. It stops where it waits; one that never waits goes on.
    Told,
}

/// The state of one attempt.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: AtomicU8,
    waker: AtomicWaker,
}

impl Progress {
    /// Claims the attempt for its handler. False: it was taken back, and somebody else has it.
    pub(crate) fn begin(&self) -> bool {
        self.state.compare_exchange(PENDING, STARTED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whether a handler was called.
    pub(crate) fn has_begun(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), STARTED | TOLD)
    }

    pub(crate) fn is_taken_back(&self) -> bool {
        self.state.load(Ordering::Acquire) == TAKEN_BACK
    }

    pub(crate) fn cancel(&self) -> Cancelled {
        if self.state.compare_exchange(PENDING, TAKEN_BACK, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return Cancelled::NotStarted;
        }
        // What was taken back stays so.
        if self.state.compare_exchange(STARTED, TOLD, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.waker.wake();
        }
        Cancelled::Told
    }

    /// The task looks again: something else that it asks about has changed.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Whether the handler was told to stop; if not, whoever tells it will wake the task.
    pub(crate) fn is_told(&self, context: &Context<'_>) -> bool {
        self.waker.register(context.waker());
        self.state.load(Ordering::Acquire) == TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_never_begins() {
        let progress = Progress::default();
        assert_eq!(progress.cancel(), Cancelled::NotStarted);
        assert!(!progress.begin(), "two handlers would have the same event");
        assert!(progress.is_taken_back());
        assert_eq!(progress.cancel(), Cancelled::Told);
        assert!(progress.is_taken_back());
    }

    #[test]
    fn a_handler_that_began_is_told_and_its_task_woken() {
        let progress = Progress::default();
        assert!(progress.begin());
        let context = Context::from_waker(std::task::Waker::noop());
        assert!(!progress.is_told(&context));
        assert_eq!(progress.cancel(), Cancelled::Told);
        assert!(progress.is_told(&context));
    }
}
