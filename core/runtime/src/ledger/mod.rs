//! The ledger as it stands in Kafka: the form of its records, and what tools do with it.
//!
//! State and rules are the engine's ([`onceward_engine::ledger`]); here is the form. Keys are text, values are JSON with a version. The form is
//! described in `docs/reference/ledger.md`; other tools may read it.
//!
//! A replay, as `onceward dlt replay` asks for it:
//!
//! ```no_run
//! # fn example(consumer: &[(String, String)], producer: &[(String, String)], timeout: std::time::Duration) -> Result<(), onceward::Error> {
//! use onceward::ledger::{Ask, Filter, Ledger, Verb, ask};
//! use onceward::letter::Scan;
//!
//! let scan = Scan { client: consumer, topic: "orders.billing.ledger", only: None, parts: None, timeout };
//! let Some(ledger) = Ledger::read(&scan, |_| {})? else { return Ok(()) };
//! let filter = Filter { fingerprint: Some("5f3a".to_owned()), ..Filter::default() };
//! let letters: Vec<_> = ledger
//!     .choose("billing", "orders", &filter, None)
//!     .iter()
//!     .filter(|chosen| chosen.waits_for_a_person())
//!     .map(|chosen| (chosen.partition, chosen.letter.record.offset, chosen.letter.record.replays))
//!     .collect();
//! let what = Ask { verb: Verb::Replay, force: false, rate: None, who: "me".to_owned() };
//! ask(producer, ledger.topic(), &letters, &what, timeout)?;
//! # Ok(())
//! # }
//! ```
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
pub use key::{Key, state_text};
pub use read::{Ledger, Strange};
pub use value::{Unreadable, decode, encode};

pub use onceward_engine::Offset;
pub use onceward_engine::ledger::{Applied, Claim, Command, Fold, KeyDigest, Letter, LetterRecord, LetterState, Record, Verb, Wanted};

/// How a reason is written.
#[must_use]
pub fn reason_text(reason: onceward_engine::Reason) -> &'static str {
    crate::letter::reason_text(reason)
}
