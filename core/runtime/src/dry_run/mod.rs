//! What a replay would come to: dead letters, handed to the handlers of a consumer, with nothing kept of it.
//!
//! A fix is tried on the letters that it is for before anybody asks for the replay. The consumer runs as it is, in a [rig](crate::testing)
//! whose topics hold the letters and their ledger, so what happens is what the replay would do: ids, order per key, followers behind their
//! letter. Kafka is not contacted. Effects are carried out on a copy of the inbox's file, which goes with the run; publishes are counted and
//! dropped; nothing is marked or committed. Each letter has one attempt, in real time, without back-off, breaker and `max_rate`.
//!
//! **What a handler does by itself happens**: a payment service that it calls is called.
//!
//! `onceward dlt replay --dry-run-handler -- COMMAND` starts a service so: it finds the letters in a folder that an environment variable
//! names ([`VARIABLE`]), and [`Consumer::run`](crate::Consumer::run) tries them instead of reading from Kafka. So it works for every language.
//!
//! | file | is |
//! |---|---|
//! | `case` | a letter that is tried, and what became of it |
//! | `folder` | how cases and verdicts go from one process to the other |
//! | `run` | the consumer in its rig |

mod case;
mod folder;
mod run;

pub use case::{Case, Tried, Verdict};
pub use folder::{Folder, VARIABLE};
pub(crate) use run::{answer, asked};
