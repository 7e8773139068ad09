//! `dev.onceward.internal`: conversions between the JVM and the bridge, and nothing else.
//!
//! Nothing of ours calls into the JVM: it asks for work (one buffer for each hand-over), begins with events and says how they ended. What is
//! decided is decided beneath the bridge; what Kotlin and Java people see (coroutines, futures, MDC) is written in Kotlin.
//!
//! | file | is |
//! |---|---|
//! | `session` | a consumer's life |
//! | `pump` | taking work, and answering for it |
//! | `event` | what a handler asks of its event, and records with it |
//! | `step` | the calls that are made for each event: numbers only, past uniffi |
//! | `scratch` | what a handler records, out of memory that both sides see |
//! | `values` | parameters of statements, rows, records, outcomes |
//! | `rig`, `found` | the rig's face, and what lies in its topics |
//! | `logs`, `fault` | lines of the log; errors |
//!
//! The Kotlin side of this border is generated from this library when the Maven modules are built.

#![allow(clippy::needless_pass_by_value, reason = "values of the JVM arrive owned")]

pub mod event;
pub mod fault;
pub mod found;
pub mod logs;
pub mod pump;
pub mod rig;
mod scratch;
pub mod session;
pub mod step;
pub mod values;

uniffi::setup_scaffolding!();
