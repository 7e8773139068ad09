//! The border to other languages: one session that a host language pulls from.
//!
//! Users of a language register callbacks. Natively there are two calls, both in batches: [`Queue::next_batch`] hands out [`Work`], and what
//! the host says of it is an [`Outcome`]. Exceptions, context variables and cancellation stay where they are native; nothing of ours ever
//! calls into the host language, so a host that blocks costs its own handlers time and the group no partition.
//!
//! ```text
//!  host                                       here                                    the loop
//!  Session::open(document) ────────────────▶  settings and handlers, validated once
//!  Session::start ─────────────────────────▶  a thread of its own ──────────────────▶ Consumer::run
//!  Queue::next_batch(max, wait) ◀───────────  queues of work, one per channel ◀────── runs and batches
//!  HeldRun::next_event / end, HeldBatch::end ▶ no decision is made here ────────────▶ order, retries, letters, offsets
//!  logs::next(max, wait) ◀──────────────────  lines with the fields of their event
//! ```
//!
//! | file | is |
//! |---|---|
//! | `document` | what crosses at the start: one JSON document, the settings of `onceward.toml` and the handlers' declarations |
//! | `session` | a consumer's life: open, start, wait, stop |
//! | `queue`, `work` | what is to be handled, and what is in the host's hands |
//! | `hands`, `flat` | work for hosts that are given buffers: what is in their hands by token, and a hand-over written down |
//! | `letters` | dead letters on their way to a function of the host |
//! | `outcome`, `fault` | what a handler said; what an error is called in every language |
//! | `logs` | lines of the log, in batches |
//! | `process` | a forked child is told, not broken |

mod bell;
mod document;
mod fault;
mod flat;
mod hands;
mod letters;
pub mod logs;
mod outcome;
mod process;
mod queue;
mod session;
mod work;

pub use document::{Document, Handler};
pub use fault::{Fault, codes};
pub use hands::{Hands, Held};
pub use letters::HeldLetter;
pub use onceward::inbox::Value;
pub use onceward::ledger::Filter;
pub use onceward::testing;
pub use onceward::{DeadLetter, Event, Publish, SchemaId, Summary};
pub use outcome::{Outcome, Trouble};
pub use queue::Queue;
pub use session::Session;
pub use work::{HeldBatch, HeldRun, Work};
