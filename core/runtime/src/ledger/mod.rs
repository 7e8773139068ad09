//! The ledger as it stands in Kafka: the form of its records, and what tools do with it.
//!
//! State and rules are the engine's ([`onceward_engine::ledger`]); here is the form. Keys are text, values are JSON with a version. The form is
//! described in `docs/reference/ledger.md`; other tools may read it.
//!
//! | file | is |
//! |---|---|
//! | `key`, `value` | the form on the wire |
//! | `apply` | one stored record, put into a fold |
//! | `read` | a whole ledger, read and folded for a tool: [`Ledger`] |
//! | `follow` | reading on while something is awaited |
//! | `choose` | which letters are meant: [`Filter`] |
//! | `ask` | writing commands: [`Ask`] |

mod apply;
mod ask;
mod choose;
mod follow;
mod key;
mod read;
mod value;

pub use apply::{Put, key_digest, put};
pub use ask::{Ask, Asked, LETTERS_PER_COMMAND, ask};
pub use choose::{Chosen, Filter, is_keyless};
pub use follow::{Awaited, Outcome};
pub use key::Key;
pub use read::{Ledger, Strange};
pub use value::{Unreadable, decode, encode};

pub use onceward_engine::Offset;
pub use onceward_engine::ledger::{Applied, Claim, Command, Fold, KeyDigest, Letter, LetterRecord, LetterState, Record, Verb, Wanted};

/// How a reason is written.
#[must_use]
pub fn reason_text(reason: onceward_engine::Reason) -> &'static str {
    crate::letter::reason_text(reason)
}
