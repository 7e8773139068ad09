//! Which files are schemas of the kind that is looked for, and what others call them.

use std::path::Path;

use serde_json::Value;

use crate::format::Format;

/// Schemas of one format, in files that are named like the new one.
pub(super) struct Like<'a> {
    pub(super) format: Format,
    extension: Option<&'a str>,
}

impl<'a> Like<'a> {
    pub(super) fn new(format: Format, file: &'a Path) -> Self {
        Self { format, extension: file.extension().and_then(|extension| extension.to_str()) }
    }

    /// Beside schemas there may be anything: a README, another format, a `package.json`.
    pub(super) fn is(&self, name: &str) -> bool {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let usual = match self.format {
            Format::Avro => "avsc",
            Format::Json => "json",
            Format::Protobuf => "proto",
        };
        extension == Some(self.extension.unwrap_or(usual))
    }

    /// What a schema in a file is referred to as: Avro knows names of types, the others know paths.
    pub(super) fn reference(&self, path: &str, text: &str) -> String {
        match self.format {
            Format::Avro => full_name(text).unwrap_or_else(|| path.to_owned()),
            Format::Json | Format::Protobuf => path.to_owned(),
        }
    }
}

fn full_name(text: &str) -> Option<String> {
    let schema: Value = serde_json::from_str(text).ok()?;
    let name = schema.get("name")?.as_str()?;
    match schema.get("namespace").and_then(Value::as_str) {
        Some(space) if !name.contains('.') && !space.is_empty() => Some(format!("{space}.{name}")),
        _ => Some(name.to_owned()),
    }
}
