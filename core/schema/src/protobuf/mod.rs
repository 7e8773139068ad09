//! Protobuf: `parse` reads `.proto` files with their imports, `lower` makes the `model` of them, `compare` finds what differs by the rules of
//! `rules`.

mod compare;
mod enums;
mod fields;
mod lower;
mod model;
mod names;
mod oneofs;
mod parse;
mod rules;

pub(crate) use compare::compare;
pub(crate) use model::ProtobufSchema;
pub(crate) use parse::parse;
