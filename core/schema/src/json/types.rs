//! The seven types of JSON, and how a set of them may change.

use super::compare::{Out, Walk};
use super::model::Id;
use crate::difference::Verdict;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::text::few;

/// A set of types. An integer is a number without a fraction, so `number` is two of the bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

const INTEGER: u8 = 4;
const FRACTION: u8 = 8;
const NAMES: [(&str, u8); 7] =
    [("null", 1), ("boolean", 2), ("number", INTEGER | FRACTION), ("integer", INTEGER), ("string", 16), ("array", 32), ("object", 64)];

impl Types {
    pub(super) const ALL: Self = Self(127);

    pub(super) fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut all = 0;
        for name in names {
            all |= NAMES.iter().find(|(known, _)| *known == name)?.1;
        }
        Some(Self(all))
    }

    fn is_part_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    fn is_apart_from(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    pub(super) fn label(self) -> String {
        if self == Self::ALL {
            return "any type".to_owned();
        }
        let number = self.0 & FRACTION != 0;
        let has = |(name, bits): &&(&str, u8)| self.0 & bits == *bits && !(number && *name == "integer");
        let names: Vec<&str> = NAMES.iter().filter(has).map(|(name, _)| *name).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(" or ") }
    }
}

impl Walk<'_> {
    /// True if the types have nothing in common, so that nothing else need be looked at.
    pub(super) fn types(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> bool {
        let (before, after) = (self.old.node(old).types.unwrap_or(Types::ALL), self.new.node(new).types.unwrap_or(Types::ALL));
        let (from, to) = (before.label(), after.label());
        let finding = match (before.is_part_of(after), after.is_part_of(before)) {
            (true, true) => return false,
            (true, false) => {
                let sentence =
                    format!("the type was widened from {from} to {to}: consumers that use the old schema can't read all new events");
                let finding = Finding::new(path, Kind::TypeWidened, sentence).breaks(false, true);
                finding.cure("update all consumers before the first producer")
            }
            (false, true) => {
                let sentence = format!("the type was narrowed from {from} to {to}: the new schema refuses some events of the old one");
                Finding::new(path, Kind::TypeNarrowed, sentence).breaks(true, false).cure(format!("keep {from}"))
            }
            (false, false) => {
                let sentence = format!("the type changed from {from} to {to}: each schema refuses events of the other one");
                let finding = Finding::new(path, Kind::TypeChanged, sentence).breaks(true, true);
                finding.cure("add a new property of the new type, write both for a while, and remove the old one later")
            }
        };
        out.report(finding);
        before.is_apart_from(after)
    }

    pub(super) fn values(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) {
        let (before, after) = (&self.old.node(old).values, &self.new.node(new).values);
        let finding = match (before, after) {
            (None, None) => return,
            (None, Some(after)) => {
                let sentence = format!("values were limited to {}: old events may hold others", few(after.iter().map(String::as_str)));
                Finding::new(path, Kind::EnumNarrowed, sentence).breaks(true, false).cure("leave the values open")
            }
            (Some(_), None) => {
                let sentence = "values are no longer limited to a list: consumers must handle unknown values";
                Finding::new(path, Kind::EnumWidened, sentence).breaks(false, true).cure("update all consumers before the first producer")
            }
            (Some(before), Some(after)) => {
                let removed: Vec<_> = before.difference(after).map(String::as_str).collect();
                let added: Vec<_> = after.difference(before).map(String::as_str).collect();
                if !removed.is_empty() {
                    let sentence = format!("the enum was narrowed by {}: old events that hold them are refused", few(removed));
                    out.report(Finding::new(path, Kind::EnumNarrowed, sentence).breaks(true, false).cure("keep the values"));
                }
                if added.is_empty() {
                    return;
                }
                let sentence = format!(
                    "the enum was widened by {}: consumers must handle unknown values, and those that validate with the old schema refuse them",
                    few(added)
                );
                let finding = Finding::new(path, Kind::EnumWidened, sentence).breaks(false, true);
                finding.cure("update all consumers before the first producer")
            }
        };
        out.report(finding);
    }

    /// What changes nothing about what is valid, and may yet matter.
    pub(super) fn annotations(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) {
        let (before, after) = (self.old.node(old), self.new.node(new));
        let value = |default: &Option<serde_json::Value>| default.as_ref().map_or("none".to_owned(), crate::text::value);
        if before.words != after.words {
            out.report(Finding::new(path, Kind::DocumentationChanged, "the documentation changed"));
        }
        if before.default != after.default {
            let (from, to) = (value(&before.default), value(&after.default));
            let sentence = format!("the default changed from {from} to {to}: events without the property mean something else now");
            let finding = match (&before.default, &after.default) {
                (None, _) => Finding::new(path, Kind::DefaultAdded, format!("the default is {to} now")),
                (_, None) => Finding::new(path, Kind::DefaultRemoved, format!("the default {from} was removed")).contract(Verdict::Warning),
                _ => Finding::new(path, Kind::DefaultChanged, sentence).contract(Verdict::Warning),
            };
            out.report(finding.cure("keep the default"));
        }
        if before.format != after.format {
            let word =
                |format: &Option<String>| format.as_ref().map_or("none".to_owned(), |format| format!("`{}`", crate::text::shown(format)));
            let (from, to) = (word(&before.format), word(&after.format));
            let sentence = format!("the `format` changed from {from} to {to}: most validators do not look at it, some consumers do");
            out.report(Finding::new(path, Kind::FormatAnnotationChanged, sentence).caution().cure("see what consumers make of it"));
        }
    }
}
