//! How many schemas one value may be held against: choices within choices multiply.

use std::collections::BTreeMap;

use super::model::{Id, JsonSchema, Node};

/// A chain of references that is longer is nobody's schema.
const LONGEST: usize = 1_000;

impl JsonSchema {
    /// The most schemas that any one value meets, those of its members not counted. Too many to count: the largest number.
    pub(crate) fn weight(&self) -> usize {
        let mut known = BTreeMap::new();
        (0..self.nodes.len()).map(|place| self.weigh(Id(place), LONGEST, &mut known)).max().unwrap_or(0)
    }

    fn weigh(&self, id: Id, depth: usize, known: &mut BTreeMap<Id, usize>) -> usize {
        if let Some(weight) = known.get(&id) {
            return *weight;
        }
        let (Some(depth), Some(node)) = (depth.checked_sub(1), self.nodes.get(id.0)) else { return usize::MAX };
        // A schema that comes back to itself without a step into the value adds nothing: validators notice it.
        known.insert(id, 1);
        let weight = same_value(node).into_iter().fold(1_usize, |sum, next| sum.saturating_add(self.weigh(next, depth, known)));
        known.insert(id, weight);
        weight
    }
}

/// Schemas that hold for the very same value.
fn same_value(node: &Node) -> Vec<Id> {
    let lists = [&node.all_of, &node.any_of, &node.one_of];
    let single =
        node.goes_on.into_iter().chain(node.not).chain(node.condition.into_iter().flat_map(|one| [Some(one.0), one.1, one.2]).flatten());
    single.chain(node.implies.values().copied()).chain(lists.into_iter().flatten().copied()).collect()
}
