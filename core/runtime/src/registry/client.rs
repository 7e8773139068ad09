//! Asks a registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use curl::easy::{Easy, List};
use onceward_schema::{Format, Level, Limits, Source};
use serde::de::DeserializeOwned;

use super::access::{Access, Credentials};
use super::answer::{Config, Given, Id, Refusal, Schema};
use super::error::{RegistryError, RegistryErrorKind};
use crate::event::one_line;
use crate::http;

const MEDIA: &str = "application/vnd.schemaregistry.v1+json";

const GUIDS: &str = "/schemas/guids/";

/// Schemas that are kept. A registry holds a few thousand; more is somebody who makes them up.
const KEPT: usize = 10_000;

/// A registry that is asked for schemas.
pub struct Registry {
    access: Access,
    limits: Limits,
    /// One connection: what is asked for is asked for once.
    easy: Mutex<Easy>,
    known: Mutex<HashMap<Key, Arc<Registered>>>,
}

/// What stands for a schema in a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(u32),
    Guid(String),
}

/// A version of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The newest one.
    Latest,
    /// This one.
    Number(u32),
}

/// A schema as the registry has it, with everything that it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its id, where it is known.
    pub id: Option<u32>,
    /// Its version, if it was asked for by subject.
    pub version: Option<u32>,
    /// Its language.
    pub format: Format,
    /// Its text.
    pub source: Source,
}

impl Registry {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self { access, limits: Limits::default(), easy: Mutex::new(Easy::new()), known: Mutex::default() }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.access.url()
    }

    /// The schema of an id: asked for once.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`].
    pub fn by_id(&self, id: u32) -> Result<Arc<Registered>, RegistryError> {
        self.once(Key::Id(id), &format!("/schemas/ids/{id}"), &format!("schema {id}"), Some(id))
    }

    /// The schema of a global id, 32 hex digits with dashes: asked for once.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`].
    pub fn by_guid(&self, guid: &str) -> Result<Arc<Registered>, RegistryError> {
        self.once(Key::Guid(guid.to_owned()), &format!("{GUIDS}{}", escaped(guid)), &format!("schema {guid}"), None)
    }

    /// The versions of a subject, the oldest first.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`].
    pub fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        let mut versions: Vec<u32> = self.get(&format!("/subjects/{}/versions", escaped(subject)), &format!("subject {subject}"))?;
        versions.sort_unstable();
        Ok(versions)
    }

    /// One version of a subject.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`].
    pub fn version(&self, subject: &str, version: Version) -> Result<Registered, RegistryError> {
        let answer = self.plain_version(subject, version)?;
        let name = match version {
            Version::Number(number) => format!("{subject} v{number}"),
            Version::Latest => answer.version.map_or_else(|| subject.to_owned(), |number| format!("{subject} v{number}")),
        };
        self.whole(name, answer, None)
    }

    pub(super) fn plain_version(&self, subject: &str, version: Version) -> Result<Schema, RegistryError> {
        let written = match version {
            Version::Latest => "latest".to_owned(),
            Version::Number(number) => number.to_string(),
        };
        self.get(&format!("/subjects/{}/versions/{written}", escaped(subject)), &format!("version {written} of subject {subject}"))
    }

    /// The level of subjects that have none of their own: the cheapest question.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`]; a level that we do not know is unusable.
    pub fn default_level(&self) -> Result<Level, RegistryError> {
        let config: Config = self.get("/config", "the level of all subjects")?;
        config.level.parse().map_err(|error| RegistryError::unusable(format!("{}: {error}", self.url())))
    }

    /// The level of compatibility that the registry keeps for a subject.
    ///
    /// # Errors
    /// See [`RegistryErrorKind`]; a level that we do not know is unusable.
    pub fn level(&self, subject: &str) -> Result<Level, RegistryError> {
        let what = format!("the level of subject {subject}");
        let config: Config = match self.get(&format!("/config/{}?defaultToGlobal=true", escaped(subject)), &what) {
            // Some know no `defaultToGlobal` and have no level of the subject's own.
            Err(error) if error.kind == RegistryErrorKind::NotFound => return self.default_level(),
            other => other?,
        };
        config.level.parse().map_err(|error| RegistryError::unusable(format!("{}: {what}: {error}", self.url())))
    }

    /// The id of a schema that a subject already has.
    ///
    /// # Errors
    /// [`RegistryErrorKind::NotFound`] when the subject does not have it.
    pub fn find(&self, subject: &str, format: Format, text: &str) -> Result<u32, RegistryError> {
        self.give(&format!("/subjects/{}", escaped(subject)), subject, format, text)
    }

    /// Registers a schema as the newest version of a subject, and says its id. One that the subject already has keeps its id.
    ///
    /// # Errors
    /// [`RegistryErrorKind::Refused`] when it is not compatible, or no schema.
    pub fn register(&self, subject: &str, format: Format, text: &str) -> Result<u32, RegistryError> {
        self.give(&format!("/subjects/{}/versions", escaped(subject)), subject, format, text)
    }

    fn give(&self, path: &str, subject: &str, format: Format, text: &str) -> Result<u32, RegistryError> {
        let given = serde_json::to_vec(&Given { schema: text, kind: format.registry_name() });
        let given = given.map_err(|error| RegistryError::unusable(error.to_string()))?;
        self.ask::<Id>(path, &format!("this schema in subject {subject}"), Some(&given)).map(|answer| answer.id)
    }

    /// What is kept is never asked for again, and never replaced: an id stands for one schema for ever.
    fn once(&self, key: Key, path: &str, what: &str, id: Option<u32>) -> Result<Arc<Registered>, RegistryError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = known().get(&key) {
            return Ok(Arc::clone(schema));
        }
        let answer: Schema = self.get(path, what)?;
        if let (Some(asked), Some(said)) = (id, answer.id)
            && asked != said
        {
            // Whatever it is: reading events with it would read them wrongly, and nothing would fail.
            return Err(RegistryError::away(format!("{}: asked for schema {asked}, it answered with schema {said}", self.url())));
        }
        let schema = Arc::new(self.whole(what.to_owned(), answer, id)?);
        let mut known = known();
        if known.len() >= KEPT {
            known.clear();
        }
        Ok(Arc::clone(known.entry(key).or_insert(schema)))
    }

    fn whole(&self, name: String, answer: Schema, id: Option<u32>) -> Result<Registered, RegistryError> {
        let Some(format) = answer.format() else {
            let kind = one_line(answer.kind.as_deref().unwrap_or_default());
            return Err(RegistryError::unusable(format!("{}: {name} is written in {kind}, which can't be read", self.url())));
        };
        let references = self.references(&name, &answer, &self.limits)?;
        Ok(Registered { id: id.or(answer.id), version: answer.version, format, source: Source { name, text: answer.schema, references } })
    }

    fn get<T: DeserializeOwned>(&self, path: &str, what: &str) -> Result<T, RegistryError> {
        self.ask(path, what, None)
    }

    fn ask<T: DeserializeOwned>(&self, path: &str, what: &str, body: Option<&[u8]>) -> Result<T, RegistryError> {
        let what = one_line(what);
        let url = self.url();
        let answer = self.send(path, body).map_err(|error| match error.is_write_error() {
            // The limit on answers ends the transfer.
            true => RegistryError::unusable(format!("{url}: {what} has more than {} bytes", self.limits.bytes)),
            false => RegistryError::away(format!("{url}: {what}: {error}")),
        })?;
        // Most registries do not know this path, and a record that names such an id must not be taken for an outage.
        if answer.status == 404 && path.starts_with(GUIDS) {
            return Err(RegistryError::not_found(format!("{url}: {what} is unknown")));
        }
        if answer.status == 200 {
            // Not the parser's own words: they quote what may be anything.
            return serde_json::from_slice(&answer.body)
                .map_err(|_| RegistryError::away(format!("{url}: {what}: the answer is not what a registry says; is the path right?")));
        }
        let Ok(Refusal { error_code, message }) = serde_json::from_slice(&answer.body) else {
            let hint = if answer.status == 404 { "; is the path right? Apicurio's is /apis/ccompat/v7" } else { "" };
            return Err(RegistryError::away(format!("{url}: {what}: HTTP status {}{hint}", answer.status)));
        };
        let text = format!("{url}: {what}: {} (code {error_code})", one_line(&message));
        Err(match answer.status {
            // Registries answer a wrong path with a document, too: taken for "no such schema", it would send every event to the dead letters.
            404 if matches!(error_code, 40401..=40403) => RegistryError::not_found(text),
            404 => RegistryError::away(format!("{text}; is the path right?")),
            409 | 422 => RegistryError { kind: RegistryErrorKind::Refused, text },
            _ => RegistryError::away(text),
        })
    }

    fn send(&self, path: &str, body: Option<&[u8]>) -> Result<http::Answer, curl::Error> {
        let mut easy = self.easy.lock().unwrap_or_else(PoisonError::into_inner);
        // Options go, the connection stays. Redirects are not followed: credentials would go to wherever they point.
        easy.reset();
        easy.url(&format!("{}{path}", self.access.url))?;
        // A subject may be called `..`, and is not a way up.
        easy.path_as_is(true)?;
        easy.timeout(self.access.timeout)?;
        let mut headers = List::new();
        headers.append(&format!("accept: {MEDIA}"))?;
        headers.append(concat!("user-agent: onceward/", env!("CARGO_PKG_VERSION")))?;
        match &self.access.credentials {
            Credentials::None => {}
            Credentials::Basic { username, password } => {
                easy.username(username)?;
                easy.password(password)?;
            }
            Credentials::Bearer(token) => headers.append(&format!("authorization: Bearer {token}"))?,
        }
        if let Some(body) = body {
            easy.post(true)?;
            easy.post_fields_copy(body)?;
            headers.append(&format!("content-type: {MEDIA}"))?;
            headers.append("Expect:")?;
        }
        easy.http_headers(headers)?;
        http::trust(&mut easy, self.access.ca.as_deref())?;
        // Texts stand escaped in JSON, so an answer may be larger than what it holds.
        http::perform_within(&mut easy, self.limits.bytes.saturating_mul(2))
    }
}

/// One part of a path. Subjects may hold anything; names of types have slashes in some registries.
fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    // A path of dots is walked by whoever reads it.
    if matches!(part, "." | "..") { text.replace('.', "%2E") } else { text }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Registry").field("access", &self.access).finish_non_exhaustive()
    }
}
