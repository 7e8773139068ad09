//! What a schema says of a property that it does not name.

use regex::{Regex, RegexBuilder};

use super::compare::Walk;
use super::model::{Id, Node};
use crate::error::SchemaError;

/// More patterns than this are more than anybody reads, and each costs memory.
const MOST: usize = 256;
/// Of one compiled pattern.
const MEMORY: usize = 1 << 18;

/// Patterns of property names, compiled once.
#[derive(Default)]
pub(super) struct Patterns(std::collections::BTreeMap<String, Option<Regex>>);

impl Patterns {
    /// A pattern that our engine can't read (it has no look-around, and is linear for that) is taken to match nothing: then
    /// `additionalProperties` decides, and what it refuses is reported.
    fn matches(&mut self, pattern: &str, name: &str) -> Result<bool, SchemaError> {
        if !self.0.contains_key(pattern) {
            if self.0.len() >= MOST {
                return Err(SchemaError::limit("comparison", format!("there are more than {MOST} patterns of property names")));
            }
            let compiled = RegexBuilder::new(pattern).size_limit(MEMORY).dfa_size_limit(MEMORY).build().ok();
            self.0.insert(pattern.to_owned(), compiled);
        }
        Ok(self.0.get(pattern).and_then(Option::as_ref).is_some_and(|pattern| pattern.is_match(name)))
    }
}

impl Walk<'_> {
    /// The first pattern that matches, else `additionalProperties`; none allows anything.
    pub(super) fn cover(&mut self, node: &Node, name: &str) -> Result<Option<Id>, SchemaError> {
        for (pattern, id) in &node.patterns {
            self.steps.take()?;
            if self.names.matches(pattern, name)? {
                return Ok(Some(*id));
            }
        }
        Ok(node.additional)
    }
}
