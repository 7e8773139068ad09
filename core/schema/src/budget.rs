//! What parsing may still cost.

use crate::error::SchemaError;
use crate::limits::Limits;

/// Counts nodes and depth of one schema, across all its documents.
pub(crate) struct Budget {
    place: String,
    limits: Limits,
    nodes: usize,
    depth: usize,
}

impl Budget {
    pub(crate) fn new(place: &str, limits: &Limits) -> Self {
        Self { place: place.to_owned(), limits: *limits, nodes: 0, depth: 0 }
    }

    /// One more type, field or member.
    pub(crate) fn node(&mut self) -> Result<(), SchemaError> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > self.limits.nodes {
            return Err(SchemaError::limit(&self.place, format!("it has more than {} types and fields", self.limits.nodes)));
        }
        Ok(())
    }

    /// One level deeper; [`Self::up`] must follow.
    pub(crate) fn down(&mut self) -> Result<(), SchemaError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > self.limits.depth {
            return Err(SchemaError::limit(&self.place, format!("it is nested deeper than {} levels", self.limits.depth)));
        }
        Ok(())
    }

    pub(crate) fn up(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Counts the pairs that a comparison looks at: sums within sums could otherwise take for ever.
pub(crate) struct Steps {
    left: usize,
    allowed: usize,
}

impl Steps {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { left: limits.steps, allowed: limits.steps }
    }

    pub(crate) fn take(&mut self) -> Result<(), SchemaError> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Err(SchemaError::limit("comparison", format!("it takes more than {} steps", self.allowed))),
        }
        Ok(())
    }
}
