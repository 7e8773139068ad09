//! Waking the poll thread, and counting how far it is ahead of the driver.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::sys;

/// Shared by the poll thread and everybody who wants something of it.
#[derive(Default)]
pub(super) struct Waker {
    taken: AtomicU64,
    polling: AtomicBool,
    signalled: Mutex<bool>,
    bell: Condvar,
    /// Taken out before the client goes, so that nobody rings at a queue that is gone.
    queue: Mutex<Option<sys::Queue>>,
}

impl Waker {
    pub(super) fn new(queue: Option<sys::Queue>) -> Self {
        Self { queue: Mutex::new(queue), ..Self::default() }
    }

    /// Something is to be done: an order, an answer.
    pub(super) fn wake(&self) {
        *self.signalled.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_one();
        // The thread says that it polls before it looks for orders a last time, so an order is seen or the poll is woken.
        if self.polling.load(Ordering::SeqCst)
            && let Some(queue) = self.queue.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        {
            queue.wake();
        }
    }

    /// The driver took a batch off.
    pub(super) fn batch_taken(&self) {
        self.taken.fetch_add(1, Ordering::SeqCst);
        self.wake();
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }

    /// Waits until somebody wakes us, or the time is over.
    pub(super) fn wait(&self, timeout: Duration) {
        let signalled = self.signalled.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut signalled, _) =
            self.bell.wait_timeout_while(signalled, timeout, |signalled| !*signalled).unwrap_or_else(PoisonError::into_inner);
        *signalled = false;
    }

    /// Announces a poll that may block.
    pub(super) fn begin_poll(&self) {
        self.polling.store(true, Ordering::SeqCst);
    }

    pub(super) fn end_poll(&self) {
        self.polling.store(false, Ordering::SeqCst);
    }

    /// Forgets the queue; from now on waking means the bell only.
    pub(super) fn detach(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
