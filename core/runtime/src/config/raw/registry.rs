//! Where schemas are, as written.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DurationText;
use crate::config::secret::{shown, shown_url};

/// A schema registry that speaks Confluent's REST dialect.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Registry {
    /// Its address, with the path if it has one: `https://registry.example.com/apis/ccompat/v7`. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The name to log in with, beside `password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password: a reference, `${env:NAME}` or `${file:PATH}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A bearer token instead of name and password: a reference, `${env:NAME}` or `${file:PATH}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whose certificates count: a file or a folder. Not set: those that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// How long one request may take, 100ms to 1m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5s"))]
    pub timeout: Option<DurationText>,
}

/// The schema of a topic's values: they are decoded and validated before a handler is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicSchema {
    /// How a record says which schema wrote it. Without it: `registry` if there is one, else `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framing: Option<Framing>,
    /// A file with the schema that this service reads with. Needed where records don't say which schema wrote them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The language of the file. Without it, its name tells: `.avsc`, `.json`, `.proto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<SchemaFormat>,
    /// Protobuf without framing: the full name of the message. Without it, the first of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How a record says which schema wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// In front of the value, or in the header `__value_schema_id`, as Confluent's serializers write it.
    Registry,
    /// Not at all: the file is the schema of all of them.
    None,
}

/// The language of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaFormat {
    /// Avro.
    Avro,
    /// JSON Schema.
    Json,
    /// Protobuf.
    Protobuf,
}

impl Registry {
    /// With secrets replaced.
    #[must_use]
    pub fn masked(&self) -> Self {
        let hidden = |value: &Option<String>| value.as_ref().map(|value| shown("secret", value).to_owned());
        // Nobody puts a secret into its path; into its front, some do.
        let url = self.url.as_ref().map(|url| if url.contains('@') { shown_url(url) } else { url.clone() });
        Self { url, password: hidden(&self.password), token: hidden(&self.token), ..self.clone() }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, username, password, token, ca, timeout } = self.masked();
        formatter
            .debug_struct("Registry")
            .field("url", &url)
            .field("username", &username)
            .field("password", &password)
            .field("token", &token)
            .field("ca", &ca)
            .field("timeout", &timeout)
            .finish()
    }
}
