//! What a registry says and is told, as JSON. Fields that we do not use are passed over.

use onceward_schema::Format;
use serde::{Deserialize, Serialize};

/// A schema, by id or by version.
#[derive(Debug, Deserialize)]
pub(super) struct Schema {
    /// Newer registries repeat the id that was asked for; of a version, it is the schema's.
    pub(super) id: Option<u32>,
    pub(super) version: Option<u32>,
    pub(super) schema: String,
    #[serde(rename = "schemaType")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) references: Vec<Reference>,
}

impl Schema {
    /// What is not said is Avro: registries began with it.
    pub(super) fn format(&self) -> Option<Format> {
        let Some(kind) = &self.kind else { return Some(Format::Avro) };
        [Format::Avro, Format::Json, Format::Protobuf].into_iter().find(|format| format.registry_name() == kind)
    }
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Reference {
    /// As the schema calls it.
    pub(super) name: String,
    pub(super) subject: String,
    pub(super) version: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(rename = "compatibilityLevel", alias = "compatibility")]
    pub(super) level: String,
}

/// What is registered or looked up.
#[derive(Debug, Serialize)]
pub(super) struct Given<'a> {
    pub(super) schema: &'a str,
    #[serde(rename = "schemaType")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Deserialize)]
pub(super) struct Id {
    pub(super) id: u32,
}

/// Every refusal of a registry says its code: 40401 no such subject, 40402 no such version, 40403 no such schema, 409… incompatible, 422… no schema.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) error_code: u32,
    #[serde(default)]
    pub(super) message: String,
}
