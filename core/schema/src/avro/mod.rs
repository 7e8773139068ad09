//! Avro: `model` is what a schema says, `parse` reads it, `defaults` checks defaults, `compare` finds what differs; `plan` resolves a writer's
//! schema against a reader's, and `decode` reads events by it.

mod compare;
mod decode;
mod defaults;
mod fields;
mod leaves;
mod model;
mod names;
mod parse;
mod plan;
mod types;
mod unions;

pub(crate) use compare::compare;
pub(crate) use model::AvroSchema;
pub(crate) use parse::parse;
pub(crate) use plan::Plan;
