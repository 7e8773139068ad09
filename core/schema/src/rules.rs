//! By which rules two schemas are compared.

use serde::Serialize;

use crate::level::Level;

/// How strictly JSON Schemas are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonPolicy {
    /// As written: an object that allows unknown properties may hold anything under a name that is added later.
    #[default]
    Strict,
    /// As meant: nobody sends a property before it is in the schema, and consumers skip those that they do not know.
    Lenient,
}

/// Whose rules hold for Protobuf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtobufRules {
    /// Those of the Confluent Schema Registry.
    #[default]
    Confluent,
    /// Whether the binary form stays readable, and numbers are not used again.
    Wire,
    /// `Wire`, and the JSON form as well: names count.
    WireJson,
}

/// Everything that decides a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Rules {
    /// Who must be able to read what.
    pub level: Level,
    /// For JSON Schema.
    #[serde(rename = "json_policy")]
    pub json: JsonPolicy,
    /// For Protobuf.
    #[serde(rename = "protobuf_rules")]
    pub protobuf: ProtobufRules,
}

impl Rules {
    /// A level, and the defaults of a registry for the rest.
    #[must_use]
    pub fn new(level: Level) -> Self {
        Self { level, ..Self::default() }
    }
}
