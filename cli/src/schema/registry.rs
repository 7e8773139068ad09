//! The versions of a subject, from a schema registry.

use clap::Args;
use onceward::registry::{Access, Registered, Registry, RegistryError, RegistryErrorKind, Version};
use onceward_schema::{Format, Level, Source};

use crate::exit::Failure;

/// A registry that knows the older versions.
#[derive(Debug, Args)]
pub(super) struct RegistryArgs {
    /// A schema registry, with its path if it has one. Credentials come from the environment: SCHEMA_REGISTRY_USERNAME and
    /// SCHEMA_REGISTRY_PASSWORD, or SCHEMA_REGISTRY_TOKEN; a file or folder of authorities from SCHEMA_REGISTRY_CA
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
}

/// What a registry has of a subject.
pub(super) struct Subject {
    pub(super) versions: Vec<Source>,
    /// The language of the latest version.
    pub(super) format: Option<Format>,
    pub(super) level: Level,
}

impl RegistryArgs {
    /// Whether one is named.
    pub(super) fn connect(&self) -> Result<Option<Registry>, Failure> {
        let Some(url) = &self.registry else { return Ok(None) };
        let mut access = Access::new(url).map_err(|problem| Failure::Usage(format!("--registry {problem}")))?;
        let variable = |name: &str| std::env::var(format!("SCHEMA_REGISTRY_{name}")).ok().filter(|value| !value.is_empty());
        if let Some(token) = variable("TOKEN") {
            access = access.bearer(token);
        } else if let Some(username) = variable("USERNAME") {
            access = access.basic(username, variable("PASSWORD").unwrap_or_default());
        }
        if let Some(ca) = variable("CA") {
            access = access.ca(ca);
        }
        Ok(Some(Registry::new(access)))
    }
}

impl Subject {
    /// Asks for the versions that the level needs; without one, for the level that the registry keeps for the subject, too.
    pub(super) fn ask(registry: &Registry, name: &str, level: Option<Level>) -> Result<Self, Failure> {
        let level = level.map_or_else(|| registry.level(name), Ok)?;
        let mut numbers = match registry.versions(name) {
            // A subject that is not there has no version, and what that means is the caller's choice.
            Err(error) if error.kind == RegistryErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        if !level.is_transitive() {
            numbers.drain(..numbers.len().saturating_sub(1));
        }
        let versions = numbers.into_iter().map(|number| registry.version(name, Version::Number(number)));
        let versions = versions.collect::<Result<Vec<Registered>, _>>()?;
        let format = versions.last().map(|latest| latest.format);
        if let Some(other) = versions.iter().find(|version| Some(version.format) != format) {
            let latest = format.map_or("", Format::name);
            let problem = format!(
                "{} is written in {}, the latest version in {latest}: they can't be compared",
                other.source.name,
                other.format.name()
            );
            return Err(Failure::Unchecked(problem));
        }
        Ok(Self { versions: versions.into_iter().map(|version| version.source).collect(), format, level })
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}
