//! Arrays: the first items by place, the rest all alike.

use super::compare::{Out, Walk};
use super::model::Id;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;

impl Walk<'_> {
    pub(super) fn arrays(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        for place in 0..before.prefix.len().max(after.prefix.len()) {
            let one = before.prefix.get(place).copied().or(before.items);
            let other = after.prefix.get(place).copied().or(after.items);
            self.pair(one, other, &path.item(place), out)?;
        }
        for (one, other) in [(before.items, after.items), (before.unevaluated_items, after.unevaluated_items)] {
            if one.is_some() || other.is_some() {
                self.pair(one, other, &path.items(), out)?;
            }
        }
        // Unlike other keywords, `contains` asks for something even with `true`: for an item at all.
        let (place, kind) = (path.member("contains"), Kind::ConditionChanged);
        match (before.contains, after.contains) {
            (None, None) => {}
            (None, Some(_)) => {
                let sentence = "an item that `contains` describes is required now: old events may lack it";
                out.report(Finding::new(&place, kind, sentence).breaks(true, false).cure("leave `contains` out"));
            }
            (Some(_), None) => {
                let sentence = "an item that `contains` describes is not required any more: consumers may rely on it";
                out.report(Finding::new(&place, kind, sentence).breaks(false, true).cure("update all consumers before the first producer"));
            }
            (one, other) => self.pair(one, other, &place, out)?,
        }
        Ok(())
    }
}
