//! Enumerations, fixed bytes, and the names of named types.

use super::compare::{Walk, Ways};
use super::model::{Enum, Fixed};
use super::names::Name;
use crate::difference::Verdict;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::text::{few, shown};

impl Walk<'_> {
    /// A reader compares names without their namespace, and knows those that it lists as aliases.
    pub(super) fn names(&mut self, old: (&Name, &[Name]), new: (&Name, &[Name]), path: &Path, ways: Ways) {
        let ((old, old_aliases), (new, new_aliases)) = (old, new);
        let (from, to) = (shown(old.full()), shown(new.full()));
        if old.short() == new.short() {
            if old.space() != new.space() {
                let sentence = format!("the namespace changed from `{from}` to `{to}`: events stay readable, generated classes move");
                let finding = Finding::new(path, Kind::NamespaceChanged, sentence).contract(Verdict::Warning);
                self.report(finding.cure("keep the namespace"), ways);
            }
            return;
        }
        let (backward, forward) = (!new_aliases.contains(old), !old_aliases.contains(new));
        let finding = if backward {
            let sentence = format!("the type was renamed from `{from}` to `{to}`: a reader takes them for different types");
            Finding::new(path, Kind::NameChanged, sentence)
                .breaks(backward, forward)
                .cure(format!("add \"aliases\": [\"{from}\"] to `{to}`"))
        } else {
            let sentence = format!(
                "the type was renamed from `{from}` to `{to}`, its old name is an alias: consumers of the old schema don't know it"
            );
            let finding = Finding::new(path, Kind::NameChanged, sentence).breaks(backward, forward).contract(Verdict::Warning);
            finding.cure("update all consumers before the first producer")
        };
        self.report(finding, ways);
    }

    pub(super) fn enums(&mut self, old: &Enum, new: &Enum, path: &Path, ways: Ways) {
        self.names((&old.name, &old.aliases), (&new.name, &new.aliases), path, ways);
        let missing = |from: &'_ Enum, to: &'_ Enum| -> Vec<String> {
            let known: std::collections::BTreeSet<_> = to.symbols.iter().collect();
            from.symbols.iter().filter(|symbol| !known.contains(symbol)).cloned().collect()
        };
        let (added, removed) = (missing(new, old), missing(old, new));
        if !added.is_empty() {
            let names = few(added.iter().map(String::as_str));
            let finding = match &old.default {
                Some(default) => {
                    let default = shown(default);
                    let sentence = format!("the enum was widened by {names}: consumers of the old schema get `{default}` instead");
                    Finding::new(path, Kind::EnumWidened, sentence).contract(Verdict::Warning).cure("see that they handle it")
                }
                None => {
                    let sentence = format!(
                        "the enum was widened by {names}: consumers must handle unknown values, and those of the old schema can't read them"
                    );
                    let cure = "give the enum a default for unknown values first, and update all consumers before the first producer";
                    Finding::new(path, Kind::EnumWidened, sentence).breaks(false, true).cure(cure)
                }
            };
            self.report(finding, ways);
        }
        if !removed.is_empty() {
            let names = few(removed.iter().map(String::as_str));
            let finding = match &new.default {
                Some(default) => {
                    let default = shown(default);
                    let sentence = format!("the enum was narrowed by {names}: old events that hold them are read as `{default}`");
                    Finding::new(path, Kind::EnumNarrowed, sentence).contract(Verdict::Warning).cure("keep the symbols")
                }
                None => {
                    let sentence = format!("the enum was narrowed by {names}: old events that hold them can't be read");
                    Finding::new(path, Kind::EnumNarrowed, sentence)
                        .breaks(true, false)
                        .cure("keep the symbols, or give the enum a default")
                }
            };
            self.report(finding, ways);
        }
        if let (Some(default), None) = (&old.default, &new.default) {
            let sentence = format!("the enum lost its default `{}`: symbols that are added later can't be read", shown(default));
            let finding = Finding::new(path, Kind::EnumDefaultRemoved, sentence).contract(Verdict::Warning);
            self.report(finding.cure("keep the default"), ways);
        }
    }

    pub(super) fn fixed(&mut self, old: &Fixed, new: &Fixed, path: &Path, ways: Ways) {
        self.names((&old.name, &old.aliases), (&new.name, &new.aliases), path, ways);
        if old.size != new.size {
            let sentence = format!("the size of fixed `{}` changed from {} to {} bytes", shown(new.name.full()), old.size, new.size);
            let finding = Finding::new(path, Kind::SizeChanged, sentence).breaks(true, true);
            self.report(finding.cure("define a fixed type with another name, for a new field"), ways);
        }
    }
}
