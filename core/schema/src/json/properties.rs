//! Properties: added, removed, renamed, required.
//!
//! Whether a new property breaks a reading depends on what was said of its name before: an object that allows unknown properties may
//! already hold anything there. So a property is held against whatever *covers* its name on the other side: a pattern that matches, else
//! `additionalProperties`, else anything.

use super::compare::{Out, Walk};
use super::model::{Id, JsonSchema, Node};
use crate::difference::{Breaks, Verdict};
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::rename::{self, Candidate};
use crate::rules::JsonPolicy;
use crate::text::shown;

type Named<'a> = (&'a str, Id);

impl Walk<'_> {
    pub(super) fn properties(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        let only = |one: &'_ Node, other: &Node| -> Vec<(String, Id)> {
            one.properties.iter().filter(|(name, _)| !other.properties.contains_key(*name)).map(|(name, id)| (name.clone(), *id)).collect()
        };
        for (name, id) in &before.properties {
            if let Some(other) = after.properties.get(name) {
                self.pair(Some(*id), Some(*other), &path.field(name), out)?;
            }
        }
        let (removed, added) = (only(before, after), only(after, before));
        let removed: Vec<Named<'_>> = removed.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let added: Vec<Named<'_>> = added.iter().map(|(name, id)| (name.as_str(), *id)).collect();
        let renamed = rename::pairs(&candidates(left, &removed), &candidates(right, &added));
        for (at, (name, id)) in removed.iter().enumerate() {
            let breaks = self.removed_breaks(before, after, name, *id)?;
            let to = renamed.iter().find(|(old, _)| *old == at).and_then(|(_, new)| added.get(*new));
            match to {
                Some((to, new)) => {
                    let other = self.added_breaks(before, after, to, *new)?;
                    out.report(renamed_to(
                        path,
                        name,
                        to,
                        Breaks { backward: breaks.backward || other.backward, forward: breaks.forward || other.forward },
                    ));
                }
                None => out.report(gone(path, name, breaks)),
            }
        }
        for (at, (name, id)) in added.iter().enumerate() {
            if !renamed.iter().any(|(_, new)| *new == at) {
                let breaks = self.added_breaks(before, after, name, *id)?;
                let cover = self.cover(before, name)?;
                let closed = self.old.node(cover).never;
                let finding = arrived(path, name, breaks, after.required.contains(*name), has_default(right, *id), closed);
                out.report(finding);
            }
        }
        self.required(before, after, path, out);
        Ok(())
    }

    fn removed_breaks(&mut self, before: &Node, after: &Node, name: &str, id: Id) -> Result<Breaks, SchemaError> {
        let covered = if self.policy == JsonPolicy::Lenient {
            Breaks::default()
        } else {
            {
                let cover = self.cover(after, name)?;
                self.breaks(Some(id), cover)?
            }
        };
        // To a consumer of the old schema it is a required property that new events lack.
        let missed = before.required.contains(name) && !after.required.contains(name) && !has_default(self.old, id);
        Ok(Breaks { backward: covered.backward, forward: covered.forward || missed })
    }

    fn added_breaks(&mut self, before: &Node, after: &Node, name: &str, id: Id) -> Result<Breaks, SchemaError> {
        let covered = if self.policy == JsonPolicy::Lenient {
            Breaks::default()
        } else {
            {
                let cover = self.cover(before, name)?;
                self.breaks(cover, Some(id))?
            }
        };
        let missed = after.required.contains(name) && !before.required.contains(name) && !has_default(self.new, id);
        Ok(Breaks { backward: covered.backward || missed, forward: covered.forward })
    }

    /// Properties that stayed, and are required now or were.
    fn required(&self, before: &Node, after: &Node, path: &Path, out: &mut Out) {
        let stayed = |name: &&String| before.properties.contains_key(*name) == after.properties.contains_key(*name);
        for name in after.required.difference(&before.required).filter(stayed) {
            let default = after.properties.get(name).is_some_and(|id| has_default(self.new, *id));
            let sentence = format!("property `{}` became required: old events may lack it", shown(name));
            let finding = Finding::new(&path.field(name), Kind::FieldMadeRequired, sentence).breaks(!default, false);
            out.report(finding.contract(Verdict::Breaking).cure("keep it optional"));
        }
        for name in before.required.difference(&after.required).filter(stayed) {
            let default = before.properties.get(name).is_some_and(|id| has_default(self.old, *id));
            let sentence = format!("property `{}` became optional: consumers must handle its absence", shown(name));
            let finding = Finding::new(&path.field(name), Kind::FieldMadeOptional, sentence).breaks(false, !default);
            out.report(finding.contract(Verdict::Warning).cure("update all consumers before the first producer leaves it out"));
        }
    }
}

fn gone(path: &Path, name: &str, breaks: Breaks) -> Finding {
    let sentence = format!("property `{}` was removed: consumers that need it find nothing", shown(name));
    let finding = Finding::new(&path.field(name), Kind::FieldRemoved, sentence).breaks(breaks.backward, breaks.forward);
    let why =
        if breaks.backward { "and the new schema refuses events that still have it" } else { "and anything may stand under its name now" };
    finding.contract(Verdict::Breaking).strictly(why).cure("keep it until no consumer reads it")
}

fn renamed_to(path: &Path, from: &str, to: &str, breaks: Breaks) -> Finding {
    let (before, after) = (shown(from), shown(to));
    let sentence =
        format!("property `{before}` looks renamed to `{after}`: to a consumer, `{before}` is gone and `{after}` is another property");
    let finding = Finding::new(&path.field(from), Kind::FieldRenamed, sentence).breaks(breaks.backward, breaks.forward);
    let cure = format!("JSON has no aliases: keep `{before}` beside `{after}` and write both, until no consumer reads `{before}`");
    finding.contract(Verdict::Breaking).cure(cure)
}

fn arrived(path: &Path, name: &str, breaks: Breaks, required: bool, default: bool, closed: bool) -> Finding {
    let (place, word) = (path.field(name), shown(name));
    if required {
        let (sentence, verdict) = if default {
            (format!("required property `{word}` was added with a default: validators do not fill it in, readers must"), Verdict::Warning)
        } else {
            (format!("required property `{word}` was added: old events don't have it"), Verdict::Breaking)
        };
        let finding = Finding::new(&place, Kind::RequiredFieldAdded, sentence).breaks(breaks.backward, breaks.forward);
        return finding.contract(verdict).cure("leave it out of `required`");
    }
    let finding = if closed {
        let sentence =
            format!("optional property `{word}` was added to a closed object: consumers that validate with the old schema refuse it");
        Finding::new(&place, Kind::FieldAdded, sentence).contract(Verdict::Warning).cure("update all consumers before the first producer")
    } else {
        let why = "the object allows unknown properties, so old events may already hold anything under this name";
        let cure = "close the object (`additionalProperties: false`) one version before, or use the lenient policy";
        Finding::new(&place, Kind::FieldAdded, format!("optional property `{word}` was added")).strictly(why).cure(cure)
    };
    Finding { breaks, ..finding }
}

fn has_default(schema: &JsonSchema, id: Id) -> bool {
    schema.node(Some(id)).default.is_some()
}

fn candidates<'a>(schema: &JsonSchema, all: &[Named<'a>]) -> Vec<Candidate<'a>> {
    all.iter().map(|(name, id)| Candidate { name, kind: schema.label(Some(*id)), place: None }).collect()
}
