//! Telling people of dead letters while they happen: a callback for every letter, a webhook for every cause. A replay that
//! fails is told as well, and by the webhook a letter that the broker is about to delete.
//!
//! Nothing here can slow the loop: it hands a summary over and goes on. The callback's queue is bounded and drops when it is full; the webhook
//! keeps one summary and a count for each cause, however long it is down.
//!
//! | file | is |
//! |---|---|
//! | `summary` | what is told of a letter: never its payload |
//! | `callback` | the user's function, called letter by letter on the user's runtime |
//! | `gate` | at once for a new cause, then by rate; pure |
//! | `webhook` | the thread that sends |
//! | `post` | one signed request |
//! | `retention` | how long the oldest open letter still has |

mod callback;
mod gate;
mod post;
mod retention;
mod summary;
mod webhook;

pub(crate) use callback::{Callback, Calls, callback};
pub(crate) use retention::Retention;
pub use summary::DeadLetter;
use summary::News;
pub(crate) use summary::{Expiry, short};
pub(crate) use webhook::Webhook;

/// Who is told of letters.
#[derive(Default)]
pub(crate) struct Alerts {
    pub(crate) callback: Option<Calls>,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) retention: Retention,
}

impl Alerts {
    /// Whether anybody is.
    pub(crate) fn wanted(&self) -> bool {
        self.callback.is_some() || self.webhook.is_some()
    }

    /// Whether no letter waits for the callback.
    pub(crate) fn are_told(&self) -> bool {
        self.callback.as_ref().is_none_or(Calls::are_told)
    }

    /// A letter is durable, or the failure of its replay. Never waits.
    pub(crate) fn lettered(&self, letter: DeadLetter) {
        match (&self.webhook, &self.callback) {
            (Some(webhook), Some(calls)) => {
                webhook.tell(News::Letter(letter.clone()));
                calls.push(letter);
            }
            (Some(webhook), None) => webhook.tell(News::Letter(letter)),
            (None, Some(calls)) => calls.push(letter),
            (None, None) => {}
        }
    }

    /// The oldest letter of a topic is about to be deleted.
    pub(crate) fn expires(&self, expiry: Expiry) {
        if let Some(webhook) = &self.webhook {
            webhook.tell(News::Expiry(expiry));
        }
    }
}
