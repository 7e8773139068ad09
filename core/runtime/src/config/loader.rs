//! Brings the layers of a configuration together: file, code, environment, flags.

use std::path::Path;

use serde_json::{Map, Value};

use super::origin::Origins;
use super::path::within;
use super::raw::Config;
use super::{ConfigError, Problem, Settings, env, path, shape, validate};

/// Collects layers, each laid over the ones before it, field by field; lists are replaced as a whole. Usual order: file, code,
/// environment, flags.
#[derive(Debug, Default)]
pub struct Loader {
    document: Value,
    origins: Origins,
    problems: Vec<Problem>,
}

impl Loader {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { document: Value::Object(Map::new()), ..Self::default() }
    }

    /// A TOML file.
    #[must_use]
    pub fn file(mut self, file: &Path) -> Self {
        match std::fs::read_to_string(file) {
            Ok(text) => self.toml(&text, &file.display().to_string()),
            Err(error) => {
                self.problems.push(Problem::new(file.display().to_string(), format!("can't be read: {error}")));
                self
            }
        }
    }

    /// A TOML text; the name stands in for the path when it can't be parsed.
    #[must_use]
    pub fn toml(mut self, text: &str, name: &str) -> Self {
        match toml::from_str::<toml::Table>(text) {
            Ok(table) => self.layer(from_toml(toml::Value::Table(table))),
            Err(error) => {
                // The parser's own display quotes the line, which may hold a password.
                let place = error.span().map_or_else(String::new, |span| {
                    let before = text.get(..span.start).unwrap_or(text);
                    let line = before.matches('\n').count() + 1;
                    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                    format!(":{line}:{column}")
                });
                self.problems.push(Problem::new(format!("{name}{place}"), format!("is not TOML: {}", error.message())));
                self
            }
        }
    }

    /// One JSON document, as the packages of other languages send it. `null` means "not set".
    #[must_use]
    pub fn json(mut self, text: &str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(document @ Value::Object(_)) => self.layer(document),
            Ok(_) => {
                self.problems.push(Problem::new("configuration", "must be a JSON object"));
                self
            }
            Err(error) => {
                self.problems.push(Problem::new("configuration", format!("is not JSON: {error}")));
                self
            }
        }
    }

    /// What code says.
    #[must_use]
    pub fn config(mut self, config: &Config) -> Self {
        match serde_json::to_value(config) {
            Ok(document) => self.layer(document),
            Err(error) => {
                self.problems.push(Problem::new("configuration", error.to_string()));
                self
            }
        }
    }

    /// The process's own `ONCEWARD_*` variables.
    #[must_use]
    pub fn process_env(self) -> Self {
        // Names and values that are no UTF-8 can't be meant for us, except by mistake: they are shown as such.
        self.env(std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())))
    }

    /// Environment variables. The rule from names to fields stands in `docs/reference/config.md`.
    #[must_use]
    pub fn env(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut variables: Vec<(String, String)> = variables.into_iter().collect();
        variables.sort();
        for (name, text) in variables {
            match env::meaning(&name, &text, &self.document) {
                env::Resolved::NotOurs => {}
                env::Resolved::Refused(message) => self.problems.push(Problem::new(name, message)),
                env::Resolved::Field { keys, value } => self = self.set(&keys, value, &name),
            }
        }
        self
    }

    /// One field, from a flag or variable of this name.
    #[must_use]
    pub fn set<K: AsRef<str>>(mut self, keys: &[K], value: Value, origin: &str) -> Self {
        let path = keys.iter().fold(String::new(), |parent, key| path::join(&parent, key.as_ref()));
        let document = keys.iter().rev().fold(value, |value, key| Value::Object(Map::from_iter([(key.as_ref().to_owned(), value)])));
        self.origins.remember(&path, origin);
        self.layer(document)
    }

    /// Everything brought together and validated.
    ///
    /// # Errors
    /// All problems of all layers.
    pub fn finish(self) -> Result<Settings, ConfigError> {
        self.resolve().map(|(_, settings)| settings)
    }

    /// As [`Loader::finish`], with the configuration as it was written, all layers in one.
    ///
    /// # Errors
    /// All problems of all layers.
    pub fn resolve(self) -> Result<(Config, Settings), ConfigError> {
        let Self { document, origins, mut problems } = self;
        match serde_json::from_value::<Config>(document) {
            Ok(config) => {
                let (settings, meant) = validate::examine(&config);
                if problems.is_empty() && meant.is_empty() {
                    return Ok((config, settings));
                }
                // A field that was refused for its type is absent from the document; that it is "missing" would be a lie.
                let told: Vec<String> = problems.iter().map(|problem| problem.path.clone()).collect();
                problems.extend(
                    meant
                        .into_iter()
                        .filter(|problem| !told.iter().any(|path| within(path, &problem.path)))
                        .map(|problem| origins.name(problem)),
                );
            }
            // The shape check leaves nothing that serde refuses; if the two ever disagree, this says so instead of hiding it.
            Err(error) => problems.push(Problem::new("configuration", error.to_string())),
        }
        Err(ConfigError::new(problems))
    }

    fn layer(mut self, mut document: Value) -> Self {
        let problems = shape::check(&mut document);
        self.problems.extend(problems.into_iter().map(|problem| self.origins.name(problem)));
        merge(&mut self.document, document);
        self
    }
}

fn merge(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        // JSON has no infinity; as a text it is refused where a number belongs.
        toml::Value::Float(number) => serde_json::Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number),
        toml::Value::Boolean(value) => Value::Bool(value),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(name, value)| (name, from_toml(value))).collect(),
    }
}
