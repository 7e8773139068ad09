//! From the configuration to schemas in use.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use onceward_schema::{Limits, Source};

use super::desk::{Desk, SchemaSink};
use super::runner::Decoding;
use super::topic::TopicSchema;
use crate::Error;
use crate::config::{ConfigError, Problem, SchemaRules, Settings, path_of};
use crate::executor::Runner;

/// The schemas of all topics that have one.
pub(crate) struct Schemas {
    topics: HashMap<String, Arc<TopicSchema>>,
    desk: Option<Desk>,
}

impl Schemas {
    /// Reads the files. The registry is not asked: it may be away while a service starts.
    ///
    /// # Errors
    /// A file can't be read or is no schema; a reference of the registry's credentials leads nowhere.
    pub(crate) fn open(settings: &Settings, called: &[String], sink: SchemaSink) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut topics = HashMap::new();
        let mut framed = false;
        for name in called {
            let Some(rules) = &settings.rules(name).schema else { continue };
            framed |= rules.framed;
            match topic(name, rules) {
                Ok(topic) => drop(topics.insert(name.clone(), Arc::new(topic))),
                Err(message) => problems.push(Problem::new(format!("{}.schema.file", path_of(name)), message)),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems).into());
        }
        let desk = match settings.registry.as_ref().filter(|_| framed) {
            Some(registry) => Some(Desk::start(registry.connect()?, sink)?),
            None => None,
        };
        Ok(Self { topics, desk })
    }

    /// A runner of these topics; the same one where none of them has a schema.
    pub(crate) fn before(&self, inner: Arc<dyn Runner>, called: &[String], runtime: &tokio::runtime::Handle) -> Arc<dyn Runner> {
        let topics: HashMap<_, _> = called.iter().filter_map(|name| Some((name.clone(), Arc::clone(self.topics.get(name)?)))).collect();
        if topics.is_empty() {
            return inner;
        }
        Arc::new(Decoding { inner, topics, desk: self.desk.clone(), runtime: runtime.clone() })
    }
}

fn topic(called: &str, rules: &SchemaRules) -> Result<TopicSchema, String> {
    let reader = match (&rules.file, rules.format) {
        (Some(file), Some(format)) => Some((format, read(file)?)),
        _ => None,
    };
    TopicSchema::new(called, rules.framed, reader, rules.message.as_deref()).map_err(|error| error.to_string())
}

fn read(file: &Path) -> Result<Source, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    if text.len() > Limits::default().bytes {
        return Err(format!("{} has {} bytes: is it the right file?", file.display(), text.len()));
    }
    Ok(Source::new(file.display().to_string(), text))
}
