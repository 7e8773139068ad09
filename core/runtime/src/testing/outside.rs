//! Waits for what a rig does not simulate: a socket, a database, another thread.

use std::cell::Cell;
use std::future::Future;

thread_local! {
    static ON_STAGE: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a rig's from now on.
pub(super) fn enter() {
    ON_STAGE.set(true);
}

/// Awaits something that takes real time. In a [`Rig`](super::Rig) the simulated clock stands still meanwhile; elsewhere this is a plain
/// `.await`.
///
/// Without it the clock of a rig jumps to the next timer as soon as every handler waits, and a handler that waits for a real answer meets its
/// `handler_timeout` at once. `tokio::task::spawn_blocking` needs no such help.
pub async fn in_real_time<F: Future>(future: F) -> F::Output {
    if !ON_STAGE.get() {
        return future.await;
    }
    let (until, over) = std::sync::mpsc::channel::<()>();
    // Tokio's paused clock never moves by itself while a blocking task runs. This one ends when `until` is dropped, however we end.
    drop(tokio::task::spawn_blocking(move || over.recv().is_ok()));
    let output = future.await;
    drop(until);
    output
}
