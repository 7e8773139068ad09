//! A parsed JSON Schema: what it asks for, in one form for all drafts. Schemas stand in one list and refer to each other by place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::types::Types;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(super) usize);

#[derive(Clone, Debug)]
pub(crate) struct JsonSchema {
    pub(super) nodes: Vec<Node>,
    pub(super) root: Id,
}

/// One schema. What is absent asks for nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// `false`: nothing is valid.
    pub(super) never: bool,
    /// It is nothing but a reference, or a combination with one member.
    pub(super) goes_on: Option<Id>,
    pub(super) types: Option<Types>,
    /// As texts in one form, so that they can be compared.
    pub(super) values: Option<BTreeSet<String>>,
    pub(super) limits: BTreeMap<Limit, (f64, bool)>,
    pub(super) multiple_of: Option<f64>,
    pub(super) pattern: Option<String>,
    pub(super) format: Option<String>,
    pub(super) unique: bool,
    pub(super) properties: BTreeMap<String, Id>,
    pub(super) patterns: BTreeMap<String, Id>,
    pub(super) additional: Option<Id>,
    pub(super) unevaluated: Option<Id>,
    pub(super) names: Option<Id>,
    pub(super) required: BTreeSet<String>,
    pub(super) needs: BTreeMap<String, BTreeSet<String>>,
    pub(super) implies: BTreeMap<String, Id>,
    pub(super) prefix: Vec<Id>,
    pub(super) items: Option<Id>,
    pub(super) unevaluated_items: Option<Id>,
    pub(super) contains: Option<Id>,
    pub(super) all_of: Vec<Id>,
    pub(super) any_of: Vec<Id>,
    pub(super) one_of: Vec<Id>,
    pub(super) not: Option<Id>,
    /// `if`, `then`, `else`.
    pub(super) condition: Option<(Id, Option<Id>, Option<Id>)>,
    pub(super) default: Option<Value>,
    pub(super) words: (Option<String>, Option<String>),
}

/// Bounds that are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Limit {
    Minimum,
    Maximum,
    MinLength,
    MaxLength,
    MinItems,
    MaxItems,
    MinContains,
    MaxContains,
    MinProperties,
    MaxProperties,
}

impl Limit {
    pub(super) const ALL: [(Self, &'static str); 10] = [
        (Self::Minimum, "minimum"),
        (Self::Maximum, "maximum"),
        (Self::MinLength, "minLength"),
        (Self::MaxLength, "maxLength"),
        (Self::MinItems, "minItems"),
        (Self::MaxItems, "maxItems"),
        (Self::MinContains, "minContains"),
        (Self::MaxContains, "maxContains"),
        (Self::MinProperties, "minProperties"),
        (Self::MaxProperties, "maxProperties"),
    ];

    /// Without `contains` these mean nothing.
    pub(super) fn is_of_contains(self) -> bool {
        matches!(self, Self::MinContains | Self::MaxContains)
    }

    pub(super) fn is_lower(self) -> bool {
        matches!(self, Self::Minimum | Self::MinLength | Self::MinItems | Self::MinContains | Self::MinProperties)
    }
}

impl Node {
    /// Whether it asks for nothing but what its combinations ask for.
    pub(super) fn is_bare(&self) -> bool {
        let Self { never, goes_on, types, values, limits, multiple_of, pattern, unique, .. } = self;
        let Self { properties, patterns, additional, unevaluated, names, required, needs, implies, .. } = self;
        let Self { prefix, items, unevaluated_items, contains, not, condition, .. } = self;
        let value = *never || goes_on.is_some() || types.is_some() || values.is_some() || !limits.is_empty() || multiple_of.is_some();
        let text = pattern.is_some() || *unique || not.is_some() || condition.is_some();
        let object = !properties.is_empty() || !patterns.is_empty() || additional.is_some() || unevaluated.is_some() || names.is_some();
        let object = object || !required.is_empty() || !needs.is_empty() || !implies.is_empty();
        let array = !prefix.is_empty() || items.is_some() || unevaluated_items.is_some() || contains.is_some();
        !(value || text || object || array)
    }

    /// Whether it asks for nothing at all.
    pub(super) fn is_anything(&self) -> bool {
        self.is_bare() && self.all_of.is_empty() && self.any_of.is_empty() && self.one_of.is_empty()
    }
}

/// What an absent schema asks for.
static ANYTHING: std::sync::LazyLock<Node> = std::sync::LazyLock::new(Node::default);

impl JsonSchema {
    /// The schema that is meant, references followed; a circle of references asks for nothing.
    pub(super) fn follow(&self, id: Option<Id>) -> Option<Id> {
        /// No honest schema has a longer chain of mere references.
        const LONGEST: usize = 64;
        let mut at = id?;
        for _ in 0..LONGEST {
            match self.nodes.get(at.0)?.goes_on {
                Some(next) => at = next,
                None => return Some(at),
            }
        }
        None
    }

    pub(super) fn node(&self, id: Option<Id>) -> &Node {
        self.follow(id).and_then(|id| self.nodes.get(id.0)).unwrap_or(&ANYTHING)
    }

    /// A schema as people name it.
    pub(super) fn label(&self, id: Option<Id>) -> String {
        let node = self.node(id);
        if node.never {
            return "nothing".to_owned();
        }
        match (&node.types, &node.values, node.any_of.len() + node.one_of.len(), node.all_of.len()) {
            (Some(types), ..) => types.label(),
            (None, Some(_), ..) => "a list of values".to_owned(),
            (None, None, 0, 0) if node.is_anything() => "anything".to_owned(),
            (None, None, 0, 0) if !node.properties.is_empty() => "object".to_owned(),
            (None, None, 0, 0) => "any type".to_owned(),
            (None, None, 0, all) => format!("all of {all} schemas"),
            (None, None, sum, _) => format!("one of {sum} schemas"),
        }
    }
}
