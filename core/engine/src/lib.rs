//! The part of Onceward that decides: order, retries, offsets, dead letters.
//!
//! It is a pure function of its inputs. No I/O, no clock, no threads, no randomness: time is an argument, jitter a function of a seed,
//! and nothing depends on the iteration order of a hash map. So a log of inputs is a bug report that replays to the bit.
//!
//! Four verbs: [`Engine::handle`] takes one fact, [`Engine::next_effect`] hands out orders until there are none,
//! [`Engine::next_deadline`] says when to send [`Input::Tick`] at the latest, [`Engine::snapshot`] shows the numbers.
//!
//! The code map follows the life of a record, one decision per file: `partition` and `assign` (epochs, catching up), `gap` (rewinds and
//! deleted offsets), `arrive`, `twin` and `ring` (copies in flight), `lane`, `settle` and `dispatch` (order, runs), `outcome` and
//! `attempt` (retries), `breaker` (outages), `timeout`, `suspect` (crashes), `mark`, `dead_letter`, `resolve` and `watermark` (the end of a delivery), `commit`, `drain`, `credit`, `finish`.
//! Ledgers and letters: `claim`, `dispute`, `book`, `shelf` and `clean`, `record`, `hold`, `look`, `replay`, `pace`.
//! `engine` only wires; `outbox` and `deadline` hold what is decided and what is due. A delivery's life is `delivery::Stage`.

mod arrive;
mod assign;
mod attempt;
mod book;
mod breaker;
mod claim;
mod clean;
mod commit;
mod credit;
mod dead_letter;
mod deadline;
mod delivery;
mod dispatch;
mod dispute;
mod drain;
mod effect;
mod engine;
mod finish;
mod gap;
mod gate;
mod hold;
mod ids;
mod input;
mod lane;
pub mod ledger;
mod look;
mod mark;
mod outbox;
mod outcome;
mod pace;
mod partition;
mod policy;
mod record;
mod replay;
mod resolve;
mod ring;
mod sabotage;
mod settle;
mod shelf;
mod slots;
mod standing;
mod suspect;
mod timeout;
mod twin;
mod watermark;

pub use effect::{Alert, Claimed, DeadLetter, Effect, Entry, Fate, LetterPlace, Reason, Runs};
pub use engine::{Engine, Snapshot};
pub use ids::{DeliveryId, Digest, Epoch, EventHash, KeyHash, Offset, PartitionId, PolicyId, Timestamp};
pub use input::{Assignment, Dependency, Fetched, Input, LedgerRead, MarkResult, Outcome, RecordGone, Rejection, Suspect};
pub use policy::{Backoff, Batching, BreakerRules, Credit, EngineSettings, NullKeys, OnConflict, OnGap, OnRewind, Order, Policy};
#[doc(hidden)]
pub use sabotage::Sabotage;
pub use slots::Slots;
pub use standing::Standing;
