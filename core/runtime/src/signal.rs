//! The usual end of a service: the first signal drains, a second one exits at once.

use std::future::Future;

use tokio::sync::oneshot;

/// Resolves at the first SIGINT (Ctrl-C) or SIGTERM, for [`Consumer::run`](crate::Consumer::run), and says on the log that it drains.
/// A second one exits the process at once, with status 130 or 143.
///
/// It listens from the call on, on a thread of its own: a runtime whose workers are all blocked still ends at the second signal. Other
/// ways to end belong into a future of your own.
///
/// ```no_run
/// # async fn example(app: onceward::Consumer) -> Result<(), onceward::Error> {
/// app.run(onceward::shutdown_signal()).await?;
/// # Ok(())
/// # }
/// ```
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let (asked, first) = oneshot::channel();
    let (listening, ready) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("onceward-signals".to_owned()).spawn(move || listen(asked, &listening));
    // The thread says so, or ends without a word: either way it is known whether a signal would still kill the process.
    let deaf = match thread {
        Ok(_) => ready.recv().is_err(),
        Err(_) => true,
    };
    if deaf {
        tracing::error!(target: "onceward", "signals can't be heard: SIGINT and SIGTERM end the process at once, which loses nothing");
    }
    async move {
        if first.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Lives as long as the process. `listening` is dropped unused when no signal can be heard.
fn listen(asked: oneshot::Sender<()>, listening: &std::sync::mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let Ok(mut signals) = Signals::install() else { return };
        // Whoever called waits for this.
        listening.send(()).ok();
        let name = signals.next().await.0;
        tracing::info!(target: "onceward", signal = name, "asked to stop: draining, then the process ends; another signal ends it at once");
        // The run may have ended by itself: then nobody waits any more.
        asked.send(()).ok();
        let (name, status) = signals.next().await;
        tracing::warn!(target: "onceward", signal = name, "asked again: exiting at once; what was not committed is handled after the next start");
        std::process::exit(status);
    });
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// The name of the next one, and the status of a process that it ends.
    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> (&'static str, i32) {
        match tokio::signal::ctrl_c().await {
            Ok(()) => ("Ctrl-C", 130),
            Err(_) => std::future::pending().await,
        }
    }
}
