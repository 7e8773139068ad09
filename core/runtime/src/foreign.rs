//! The seam for handlers in other languages: runs out, outcomes in, from any thread.
//!
//! A binding registers a [`Taker`] with [`Consumer::on_foreign`](crate::Consumer::on_foreign). The loop hands it [`Runs`] and goes on. Whoever
//! holds a [`Run`] asks it for one event after the other and says how each ended; no future, no task and no allocation per event is in
//! between, and nothing of ours waits for the other language. What is decided (order, retries, dead letters, offsets) is decided by the
//! loop, from the outcomes.
//!
//! Handlers of many events at once need no seam of their own: a [`BatchHandler`](crate::BatchHandler) that passes its batch on and awaits the
//! answer costs nothing per event.

pub use crate::executor::{Run, Runs, Taker};
