//! `not`, and `if` with `then` and `else`.

use super::compare::{Out, Walk};
use super::model::Id;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;

impl Walk<'_> {
    pub(super) fn conditions(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        match (before.not, after.not) {
            (None, None) => {}
            (Some(_), None) => out.report(changed(path, "what was forbidden by `not` is allowed", false, true)),
            (None, Some(_)) => out.report(changed(path, "`not` forbids something that was allowed", true, false)),
            (one, other) => {
                // What is forbidden less is allowed more.
                let breaks = self.breaks(one, other)?;
                if breaks.backward || breaks.forward {
                    out.report(changed(path, "`not` forbids something else", breaks.forward, breaks.backward));
                }
            }
        }
        match (before.condition, after.condition) {
            (None, None) => Ok(()),
            (Some((one, one_then, one_else)), Some((other, other_then, other_else))) => {
                let breaks = self.breaks(Some(one), Some(other))?;
                if breaks.backward || breaks.forward {
                    // With another condition nothing can be said about who meets which branch.
                    out.report(changed(path, "the condition of `if` changed", true, true));
                    return Ok(());
                }
                self.pair(one_then, other_then, &path.member("then"), out)?;
                self.pair(one_else, other_else, &path.member("else"), out)
            }
            (before, _) => {
                let came = before.is_none();
                let sentence = if came { "a condition with `if` is new" } else { "a condition with `if` is gone" };
                out.report(changed(path, sentence, came, !came));
                Ok(())
            }
        }
    }
}

fn changed(path: &Path, sentence: &str, backward: bool, forward: bool) -> Finding {
    let cure =
        if backward { "leave it as it was; old events were written by it" } else { "update all consumers before the first producer" };
    Finding::new(path, Kind::ConditionChanged, sentence).breaks(backward, forward).cure(cure)
}
