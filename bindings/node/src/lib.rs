//! `onceward.node`: conversions between Node and the bridge, and nothing else.
//!
//! No thread of ours runs JavaScript: a thread-safe function only says *come and look*, and Node's own thread takes the work, begins with
//! events and says how they ended. What is decided is decided beneath the bridge; what Node people see (promises, signals, async contexts)
//! is written in TypeScript.
//!
//! | file | is |
//! |---|---|
//! | `session`, `leaving` | a consumer's life; a process that ends in the middle of it |
//! | `pump` | taking work, and answering for it |
//! | `step` | the one call for each event, by hand |
//! | `values` | parameters of statements, rows, headers, outcomes |
//! | `rig`, `logs`, `error` | the rig's face; lines of the log; faults |
//!
//! The other side of this border is `node/src/library.d.ts`, which is written from what napi's macros say of these files; a test compares the two.

#![allow(clippy::needless_pass_by_value, reason = "values of JavaScript arrive owned")]

pub mod error;
mod leaving;
pub mod logs;
mod pump;
mod rig;
mod session;
mod step;
pub mod values;
