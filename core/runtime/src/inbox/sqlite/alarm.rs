//! A thread of the store that panics is missed: without it nothing is ever answered, while the group sees a healthy member.

use std::sync::Arc;

use super::shared::Shared;
use crate::inbox::{InboxError, InboxFact};

/// Held by a thread; says so when the thread panics.
pub(super) struct Alarm {
    pub(super) shared: Arc<Shared>,
    pub(super) path: String,
    pub(super) thread: &'static str,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let detail =
                format!("the {} panicked, which is a bug of Onceward: please report it with the log, and start again", self.thread);
            self.shared.say(InboxFact::Broken(InboxError::Store { path: self.path.clone(), detail }));
        }
    }
}
