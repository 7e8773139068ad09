//! One decoder for events of one schema.

use std::borrow::Cow;

use super::json::Validator;
use super::protobuf::Messages;
use super::undecodable::Undecodable;
use crate::avro::{self, Plan};
use crate::error::SchemaError;
use crate::format::Format;
use crate::limits::Limits;
use crate::schema::Schema;
use crate::source::Source;

/// Reads events that were written with one schema.
#[derive(Debug)]
pub struct Decoder(Kind);

#[derive(Debug)]
enum Kind {
    Avro(Plan),
    Json(Box<Validator>),
    Protobuf(Messages),
}

impl Decoder {
    /// For events of a writer's schema. With a reader's schema beside it, events come out as that one says: Avro resolves the two; JSON is
    /// validated by the reader's; Protobuf gives the fields that the reader's file knows. `message` is the full name of a Protobuf message, for events that do
    /// not say which of a file's messages they are; without it, that is the first.
    ///
    /// # Errors
    /// A schema can't be parsed, or is beyond the limits.
    pub fn new(
        format: Format,
        writer: &Source,
        reader: Option<&Source>,
        message: Option<&str>,
        limits: &Limits,
    ) -> Result<Self, SchemaError> {
        // Our own parsers know the limits; what comes through is small enough for others'.
        for source in std::iter::once(writer).chain(reader) {
            Schema::parse(format, source, limits)?;
        }
        Ok(Self(match format {
            Format::Avro => {
                let writer = avro::parse(writer, limits)?;
                let reader = reader.map(|reader| avro::parse(reader, limits)).transpose()?;
                Kind::Avro(Plan::new(&writer, reader.as_ref(), limits)?)
            }
            Format::Json => Kind::Json(Box::new(Validator::new(reader.unwrap_or(writer), limits)?)),
            Format::Protobuf => Kind::Protobuf(Messages::new(writer, reader, message)?),
        }))
    }

    /// An event as JSON. `message` says which of a Protobuf file's messages it is, by place: see [`framing`](crate::framing).
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn decode<'a>(&self, bytes: &'a [u8], message: &[u32]) -> Result<Cow<'a, [u8]>, Undecodable> {
        match &self.0 {
            Kind::Avro(plan) => plan.decode(bytes).map(Cow::Owned),
            Kind::Json(validator) => validator.validate(bytes).map(|()| Cow::Borrowed(bytes)),
            Kind::Protobuf(messages) => messages.decode(bytes, message).map(Cow::Owned),
        }
    }
}
