//! Everything that a schema refers to, directly or not, as the registry has it. Nothing else is ever fetched: a URL in a `$ref` is a name.

use std::collections::{HashSet, VecDeque};

use onceward_schema::{Limits, Reference};

use super::answer::{self, Schema};
use super::client::{Registry, Version};
use super::error::RegistryError;

impl Registry {
    /// Asks for each once, so that a loop ends; within the limits on a schema.
    pub(super) fn references(&self, name: &str, schema: &Schema, limits: &Limits) -> Result<Vec<Reference>, RegistryError> {
        let mut waiting: VecDeque<answer::Reference> = schema.references.iter().cloned().collect();
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        let mut bytes = schema.schema.len();
        while let Some(reference) = waiting.pop_front() {
            if !seen.insert((reference.name.clone(), reference.subject.clone(), reference.version)) {
                continue;
            }
            if found.len() >= limits.references {
                return Err(self.too_much(name, &format!("refers to more than {} others", limits.references)));
            }
            let next = self.plain_version(&reference.subject, Version::Number(reference.version))?;
            bytes = bytes.saturating_add(next.schema.len());
            if bytes > limits.bytes {
                return Err(self.too_much(name, &format!("has more than {} bytes with its references", limits.bytes)));
            }
            waiting.extend(next.references);
            found.push(Reference { name: reference.name, text: next.schema });
        }
        Ok(found)
    }

    fn too_much(&self, name: &str, what: &str) -> RegistryError {
        RegistryError::unusable(format!("{}: {name} {what}", self.url()))
    }
}
