//! Waits for what a rig does not simulate: a socket, a database, another thread.

use std::cell::Cell;
use std::future::Future;
use std::sync::mpsc::Sender;

thread_local! {
    static ON_STAGE: Cell<bool> = const { Cell::new(false) };
}

/// This thread is a rig's from now on.
pub(super) fn enter() {
    ON_STAGE.set(true);
}

/// Somebody outside works, in real time. While this lives, the simulated clock of the rig stands still.
pub(crate) struct Presence {
    _until: Sender<()>,
    /// Where the rig reads log lines: whoever works outside writes them on a thread of its own.
    lines: tracing::Dispatch,
}

impl Presence {
    /// Whether this thread is a rig's.
    pub(crate) fn on_stage() -> bool {
        ON_STAGE.get()
    }

    /// `None` outside of rigs. `runtime` is the rig's.
    pub(crate) fn enter(runtime: &tokio::runtime::Handle) -> Option<Self> {
        Self::on_stage().then(|| {
            let (until, over) = std::sync::mpsc::channel::<()>();
            // Tokio's paused clock never moves by itself while a blocking task runs. This one ends when `until` is dropped, however we end.
            drop(runtime.spawn_blocking(move || over.recv().is_ok()));
            Self { _until: until, lines: tracing::dispatcher::get_default(tracing::Dispatch::clone) }
        })
    }

    /// While this lives, log lines of this thread are the rig's.
    pub(crate) fn lines(&self) -> tracing::dispatcher::DefaultGuard {
        tracing::dispatcher::set_default(&self.lines)
    }
}

/// Awaits something that takes real time. In a [`Rig`](super::Rig) the simulated clock stands still meanwhile; elsewhere this is a plain
/// `.await`.
///
/// Without it the clock of a rig jumps to the next timer as soon as every handler waits, and a handler that waits for a real answer meets its
/// `handler_timeout` at once. `tokio::task::spawn_blocking` needs no such help.
pub async fn in_real_time<F: Future>(future: F) -> F::Output {
    if !Presence::on_stage() {
        return future.await;
    }
    let presence = Presence::enter(&tokio::runtime::Handle::current());
    let output = future.await;
    drop(presence);
    output
}
