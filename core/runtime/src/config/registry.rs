//! Validates where schemas are, and which topics have one.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use onceward_schema::Format;

use super::check::Check;
use super::{ConfigError, Problem, raw, secret};
use crate::registry::{Access, Registry};

/// A schema registry. References are as they were written; `Debug` masks what is none.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistrySettings(raw::Registry, Duration);

/// The schema of a topic's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaRules {
    /// Whether records say which schema wrote them.
    pub framed: bool,
    /// The schema that reads.
    pub file: Option<PathBuf>,
    /// Its language.
    pub format: Option<Format>,
    /// The full name of a Protobuf message.
    pub message: Option<String>,
}

impl RegistrySettings {
    /// How to reach it. References are read anew, and not kept here.
    ///
    /// # Errors
    /// Each reference that leads nowhere.
    fn access(&self) -> Result<Access, ConfigError> {
        let mut problems = Vec::new();
        let mut read = |name: &str, value: &Option<String>| {
            let value = secret::resolve(value.as_deref()?);
            value.map_err(|message| problems.push(Problem::new(format!("registry.{name}"), message))).ok()
        };
        let (password, token) = (read("password", &self.0.password), read("token", &self.0.token));
        let access = Access::new(self.0.url.as_deref().unwrap_or_default());
        let access = access.map_err(|message| problems.push(Problem::new("registry.url", message))).ok();
        let Some(mut access) = access.filter(|_| problems.is_empty()) else { return Err(ConfigError::new(problems)) };
        if let Some(token) = token {
            access = access.bearer(token);
        } else if let Some(username) = &self.0.username {
            access = access.basic(username, password.unwrap_or_default());
        }
        if let Some(ca) = &self.0.ca {
            access = access.ca(ca);
        }
        Ok(access.timeout(self.1))
    }

    /// A client for it.
    ///
    /// # Errors
    /// Each reference that leads nowhere.
    pub fn connect(&self) -> Result<Registry, ConfigError> {
        self.access().map(Registry::new)
    }

    pub(super) fn write(&self) -> raw::Registry {
        raw::Registry { timeout: Some(self.1.into()), ..self.0.clone() }
    }
}

impl fmt::Debug for RegistrySettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The registry, if one is written.
pub(super) fn registry(check: &mut Check, written: Option<&raw::Registry>) -> Option<RegistrySettings> {
    let written = written?;
    let mut timeout = Duration::from_secs(5);
    check.duration("registry", "timeout", written.timeout.as_ref(), Duration::from_millis(100)..=Duration::from_secs(60), &mut timeout);
    match &written.url {
        None => check.refuse("registry.url", "is missing: the address of a schema registry, as \"https://registry.example.com\""),
        Some(url) => {
            if let Err(message) = Access::new(url) {
                check.refuse("registry.url", message);
            }
        }
    }
    for (name, value) in [("password", &written.password), ("token", &written.token)] {
        let Some(value) = value else { continue };
        if let Err(message) = secret::check(value) {
            check.refuse(format!("registry.{name}"), message);
        } else if !secret::is_reference(value) {
            check.refuse(
                format!("registry.{name}"),
                "must be a reference, ${env:NAME} or ${file:PATH}: configurations are shown and shared",
            );
        }
    }
    if written.token.is_some() && written.username.is_some() {
        check.refuse("registry.token", "stands beside username: write one way to log in");
    }
    if written.password.is_some() && written.username.is_none() {
        check.refuse("registry.username", "is missing beside password");
    }
    Some(RegistrySettings(written.clone(), timeout))
}

/// The schema of a topic. Whether there is a registry is looked at later: it stands elsewhere.
pub(super) fn schema(check: &mut Check, path: &str, written: &raw::TopicSchema) -> SchemaRules {
    let given = written.format.map(|format| match format {
        raw::SchemaFormat::Avro => Format::Avro,
        raw::SchemaFormat::Json => Format::Json,
        raw::SchemaFormat::Protobuf => Format::Protobuf,
    });
    let format = given.or_else(|| written.file.as_deref().and_then(by_name));
    if written.file.is_some() && format.is_none() {
        check.refuse(format!("{path}.format"), "is missing: the file's name does not tell; write avro, json or protobuf");
    }
    if written.framing == Some(raw::Framing::None) && written.file.is_none() {
        check.refuse(format!("{path}.file"), "is missing: without framing, records don't say which schema wrote them");
    }
    SchemaRules {
        // Decided when it is known whether there is a registry.
        framed: written.framing != Some(raw::Framing::None),
        file: written.file.as_ref().map(PathBuf::from),
        format,
        message: written.message.clone(),
    }
}

/// What framing means where nothing was written about it, and where it can't be.
pub(super) fn framing(check: &mut Check, path: &str, written: Option<&raw::TopicSchema>, registry: bool, rules: &mut Option<SchemaRules>) {
    let Some(rules) = rules.as_mut().filter(|rules| rules.framed && !registry) else { return };
    let explicit = written.is_some_and(|written| written.framing == Some(raw::Framing::Registry));
    if explicit || rules.file.is_none() {
        let cure = "write [registry] url = \"https://…\", or a file with the schema and framing = \"none\"";
        check.refuse(format!("{path}.schema"), format!("needs a registry, and none is configured; {cure}"));
    }
    rules.framed = false;
}

pub(super) fn write(rules: &SchemaRules) -> raw::TopicSchema {
    raw::TopicSchema {
        framing: Some(if rules.framed { raw::Framing::Registry } else { raw::Framing::None }),
        file: rules.file.as_ref().map(|file| file.display().to_string()),
        format: rules.format.map(|format| match format {
            Format::Avro => raw::SchemaFormat::Avro,
            Format::Json => raw::SchemaFormat::Json,
            Format::Protobuf => raw::SchemaFormat::Protobuf,
        }),
        message: rules.message.clone(),
    }
}

fn by_name(file: &str) -> Option<Format> {
    let (_, extension) = file.rsplit_once('.')?;
    match extension {
        "avsc" => Some(Format::Avro),
        "json" => Some(Format::Json),
        "proto" => Some(Format::Protobuf),
        _ => None,
    }
}
