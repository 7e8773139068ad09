//! The user's function, called for one letter after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::DeadLetter;

/// Letters that may wait for the function; further ones are not told.
const WAITING: usize = 1_024;

/// The function, whatever its future is.
pub(crate) type Callback = Arc<dyn Fn(DeadLetter) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Wraps a function.
pub(crate) fn callback<F, R>(function: F) -> Callback
where
    F: Fn(DeadLetter) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |letter| Box::pin(function(letter)))
}

/// Letters on their way to the function. Dropping it ends the task when those that wait are told.
pub(crate) struct Calls {
    queue: mpsc::Sender<DeadLetter>,
    untold: AtomicU64,
}

impl Calls {
    /// Starts the task that calls.
    pub(crate) fn start(function: Callback, runtime: &tokio::runtime::Handle) -> Self {
        let (queue, mut letters) = mpsc::channel(WAITING);
        let runtime = runtime.clone();
        let inner = runtime.clone();
        runtime.spawn(async move {
            while let Some(letter) = letters.recv().await {
                // A task of its own, so that a panic ends one call and not all that come after it.
                let called = inner.spawn(function(letter)).await;
                if let Err(error) = called
                    && error.is_panic()
                {
                    tracing::error!(target: "onceward", "on_dead_letter panicked; the letter is safe, and the next one is told");
                }
            }
        });
        Self { queue, untold: AtomicU64::new(0) }
    }

    pub(super) fn are_told(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity()
    }

    pub(super) fn push(&self, letter: DeadLetter) {
        if self.queue.try_send(letter).is_err() && self.untold.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(target: "onceward", waiting = WAITING,
                "on_dead_letter is slower than letters come: some are not told. They are in the dead-letter topic all the same");
        }
    }
}
