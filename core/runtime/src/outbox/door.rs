//! The way into the outbox from outside of handlers.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::codec::Encoded;

/// Events to commit, and who waits for that.
#[derive(Debug)]
pub struct Post {
    /// The events.
    pub events: Encoded,
    /// Answered when they are durable; dropped when they will not be.
    pub durable: oneshot::Sender<()>,
}

/// Takes posts, from any thread, for as long as the inbox is open.
#[derive(Clone)]
pub struct Door(Arc<dyn Fn(Post) + Send + Sync>);

impl Door {
    pub(crate) fn new(take: impl Fn(Post) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Commits events. The receiver is answered once they are durable, and ends without an answer if the inbox was closed before.
    #[must_use]
    pub fn post(&self, events: Encoded) -> oneshot::Receiver<()> {
        let (durable, waits) = oneshot::channel();
        (self.0)(Post { events, durable });
        waits
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Door")
    }
}
