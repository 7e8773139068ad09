//! Events as JSON, decoded and validated by a schema. What `onceward` gives to handlers.
//!
//! One form for all three formats: objects, lists, texts, numbers. Bytes are base64; decimals are texts, exact; a member of a union stands for
//! itself; fields have the names that they have in the schema. Bytes come from anybody: nothing is allocated on their word.

mod decoder;
mod json;
mod message;
mod protobuf;
mod undecodable;

pub use decoder::Decoder;
pub use undecodable::Undecodable;
