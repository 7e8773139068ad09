//! Objects beside their properties: what else may stand in them, names, and properties that ask for others.

use std::collections::BTreeSet;

use super::compare::{Out, Walk};
use super::model::Id;
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::rules::JsonPolicy;
use crate::text::{few, shown};

impl Walk<'_> {
    pub(super) fn objects(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        self.properties(old, new, path, out)?;
        for pattern in before.patterns.keys().chain(after.patterns.keys()).collect::<BTreeSet<_>>() {
            let one = before.patterns.get(pattern).copied().or(before.additional);
            let other = after.patterns.get(pattern).copied().or(after.additional);
            self.pair(one, other, &path.matching(pattern), out)?;
        }
        for (one, other) in [(before.additional, after.additional), (before.unevaluated, after.unevaluated)] {
            if one.is_some() || other.is_some() {
                self.content(one, other, path, out)?;
            }
        }
        if before.names.is_some() || after.names.is_some() {
            self.pair(before.names, after.names, &path.member("names of properties"), out)?;
        }
        self.needs(old, new, path, out)
    }

    /// Properties that the schema does not name.
    fn content(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (was_closed, is_closed) = (self.old.node(old).never, self.new.node(new).never);
        let lenient = self.policy == JsonPolicy::Lenient;
        if is_closed && !was_closed {
            let sentence = "the object was closed: properties that the schema does not name are refused, and old events may have some";
            let finding = Finding::new(path, Kind::ContentClosed, sentence).breaks(!lenient, false).contract(Verdict::Breaking);
            out.report(finding.cure("leave the object open (no `additionalProperties: false`)"));
            return Ok(());
        }
        if was_closed && !is_closed {
            let sentence = "the object was opened: properties that the schema does not name are allowed";
            let finding = Finding::new(path, Kind::ContentOpened, sentence).breaks(false, !lenient).contract(Verdict::Fine);
            let finding = finding.strictly("consumers that validate with the old schema refuse them");
            out.report(finding.cure("update all consumers first, or use the lenient policy"));
            return Ok(());
        }
        if lenient {
            return Ok(());
        }
        self.pair(old, new, &path.values(), out)
    }

    /// `dependentRequired` and `dependentSchemas`.
    fn needs(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        let nobody = BTreeSet::new();
        for name in before.needs.keys().chain(after.needs.keys()).collect::<BTreeSet<_>>() {
            let one = before.needs.get(name).unwrap_or(&nobody);
            let other = after.needs.get(name).unwrap_or(&nobody);
            let list = |names: Vec<&String>| few(names.into_iter().map(String::as_str));
            let (added, removed) = (other.difference(one).collect::<Vec<_>>(), one.difference(other).collect::<Vec<_>>());
            if !added.is_empty() {
                let sentence = format!("property `{}` requires {} now: old events may lack them", shown(name), list(added));
                out.report(Finding::new(path, Kind::DependencyAdded, sentence).breaks(true, false).cure("do without the new dependency"));
            }
            if !removed.is_empty() {
                let sentence =
                    format!("property `{}` does not require {} any more: consumers may rely on them", shown(name), list(removed));
                let finding = Finding::new(path, Kind::DependencyRemoved, sentence).breaks(false, true);
                out.report(finding.cure("update all consumers before the first producer"));
            }
        }
        for name in before.implies.keys().chain(after.implies.keys()).collect::<BTreeSet<_>>() {
            let (one, other) = (before.implies.get(name).copied(), after.implies.get(name).copied());
            self.pair(one, other, &path.member(&format!("with {name}")), out)?;
        }
        Ok(())
    }
}
