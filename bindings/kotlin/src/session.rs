//! A consumer's life.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use onceward_bridge::{Hands, Queue, Session as Inner};
use serde_json::json;

use crate::fault::{Result, wrong};
use crate::step;
use crate::values::NativeRecord;

/// Everything of a JVM waits in one queue: one thread takes, and hands out to many.
const CHANNEL: usize = 0;

/// Opened from one JSON document, started once.
#[derive(uniffi::Object)]
pub struct NativeSession {
    pub(crate) inner: Inner,
    pub(crate) queue: Arc<Queue>,
    pub(crate) hands: Arc<Mutex<Hands>>,
    number: i64,
}

#[uniffi::export]
impl NativeSession {
    /// Reads and validates everything; nothing is started or connected.
    #[uniffi::constructor]
    pub fn open(document: String) -> Result<Arc<Self>> {
        let inner = Inner::open(&document)?;
        let queue = inner.queue(CHANNEL).ok_or_else(|| wrong("the document has no channel"))?;
        let hands = Arc::default();
        let number = step::enter(&queue, &hands);
        Ok(Arc::new(Self { inner, queue, hands, number }))
    }

    /// What `Step` calls it.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// Starts it on threads of its own.
    pub fn start(&self, until_end: bool) -> Result<()> {
        Ok(self.inner.start(until_end)?)
    }

    /// Asks it to drain and end.
    pub fn stop(&self) {
        self.inner.stop();
    }

    /// Nothing is handed out any more: the end of a run or a rig.
    pub fn finish(&self) {
        self.inner.close();
        self.hands().clear();
    }

    /// Its numbers as JSON when it has ended, at the latest after so long; null while it runs.
    pub fn ended(&self, wait: Duration) -> Result<Option<String>> {
        let summary = self.inner.wait(wait)?;
        Ok(summary.map(|summary| {
            json!({
                "handled": summary.handled,
                "duplicates": summary.duplicates,
                "ignored": summary.ignored,
                "failedAttempts": summary.failed_attempts,
                "deadLetters": summary.dead_letters,
                "identityConflicts": summary.identity_conflicts,
                "abandoned": summary.abandoned,
                "halted": summary.halted,
            })
            .to_string()
        }))
    }

    /// Publishes from outside of handlers, and waits until the event is durable: its id.
    pub fn publish(&self, record: NativeRecord) -> Result<String> {
        let (answer, answered) = mpsc::channel();
        // Who asked is waiting below, so the answer finds somebody.
        self.inner.publish_then(record.publish(), move |result| answer.send(result).unwrap_or_default());
        Ok(answered.recv().map_err(|_| wrong("the answer to a publish was lost, which is a bug of Onceward: please report it"))??)
    }

    /// Pauses a topic, or lets it go on.
    pub fn suspend_topic(&self, topic: String, paused: bool) -> Result<()> {
        Ok(self.inner.suspend(&topic, paused)?)
    }
}

impl NativeSession {
    pub(crate) fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NativeSession {
    fn drop(&mut self) {
        step::leave(self.number);
    }
}
