//! The three formats.

use serde::Serialize;

/// What language a schema is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Apache Avro: `.avsc`.
    Avro,
    /// JSON Schema, draft 4 to 2020-12: `.json`.
    Json,
    /// Protocol Buffers, proto2 and proto3: `.proto`.
    Protobuf,
}

impl Format {
    /// Guesses from the name of a file; `.json` may be either, so its text is looked at: Avro has a `type` that JSON Schema does not know.
    #[must_use]
    pub fn guess(name: &str, text: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "avsc" => Some(Self::Avro),
            "proto" => Some(Self::Protobuf),
            "json" => Some(if looks_like_avro(text) { Self::Avro } else { Self::Json }),
            _ => None,
        }
    }

    /// The name that a registry uses.
    #[must_use]
    pub fn registry_name(self) -> &'static str {
        match self {
            Self::Avro => "AVRO",
            Self::Json => "JSON",
            Self::Protobuf => "PROTOBUF",
        }
    }

    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "Avro",
            Self::Json => "JSON Schema",
            Self::Protobuf => "Protobuf",
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "avro" => Ok(Self::Avro),
            "json" => Ok(Self::Json),
            "protobuf" | "proto" => Ok(Self::Protobuf),
            _ => Err(format!("`{}` is no format; it is one of avro, json, protobuf", crate::text::shown(text))),
        }
    }
}

fn looks_like_avro(text: &str) -> bool {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { return false };
    let kind = object.get("type").and_then(serde_json::Value::as_str);
    matches!(kind, Some("record" | "enum" | "fixed" | "map" | "error")) && !object.contains_key("$schema")
}
