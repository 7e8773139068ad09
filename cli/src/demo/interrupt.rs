//! Ctrl-C and SIGTERM: noticed at the next step, so that the child is killed and the topics and the folder go away. A second one exits at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::{Doing as _, Failure};

/// Whether somebody asked to stop.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().doing("start the signal listener")?;
        let heard = Arc::clone(&asked);
        std::thread::Builder::new()
            .name("demo-signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    if asked_to_stop().await.is_ok() {
                        heard.store(true, Ordering::Relaxed);
                    }
                    if asked_to_stop().await.is_ok() {
                        std::process::exit(130);
                    }
                });
            })
            .doing("start the signal listener")?;
        Ok(Self(asked))
    }

    /// # Errors
    /// [`Failure::Interrupted`] once somebody asked.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

#[cfg(unix)]
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn asked_to_stop() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
