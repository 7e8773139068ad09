//! Values that have a schema: decoded and validated between the loop and the handlers, never in the engine.
//!
//! `topic` is the schema of one topic's values and what is known of those that wrote them, `body` what became of a value, `runner` decodes the events
//! of a chunk before a handler's own runner has them, and `desk` is the thread that asks the registry. While the registry is away, the topic is paused
//! as a person would pause it: nothing of it starts, no attempt counts, and nothing is given up.

mod body;
mod desk;
mod open;
mod runner;
mod topic;

pub(crate) use body::Body;
pub(crate) use desk::SchemaSink;
pub(crate) use open::Schemas;
