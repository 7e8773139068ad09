//! A parsed schema of any format.

use crate::avro::AvroSchema;
use crate::error::SchemaError;
use crate::format::Format;
use crate::json::JsonSchema;
use crate::limits::Limits;
use crate::protobuf::ProtobufSchema;
use crate::source::Source;

/// A schema: parsed, its references resolved, within limits.
#[derive(Clone, Debug)]
pub struct Schema(pub(crate) Parsed);

#[derive(Clone, Debug)]
pub(crate) enum Parsed {
    Avro(AvroSchema),
    Json(JsonSchema),
    Protobuf(ProtobufSchema),
}

impl Schema {
    /// Parses a text.
    ///
    /// # Errors
    /// The text is no schema of this format, refers to something that is not in the source, or is beyond a limit.
    pub fn parse(format: Format, source: &Source, limits: &Limits) -> Result<Self, SchemaError> {
        source.within(limits)?;
        Ok(Self(match format {
            Format::Avro => Parsed::Avro(crate::avro::parse(source, limits)?),
            Format::Json => Parsed::Json(crate::json::parse(source, limits)?),
            Format::Protobuf => Parsed::Protobuf(crate::protobuf::parse(source, limits)?),
        }))
    }

    /// What language it is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.0 {
            Parsed::Avro(_) => Format::Avro,
            Parsed::Json(_) => Format::Json,
            Parsed::Protobuf(_) => Format::Protobuf,
        }
    }
}
