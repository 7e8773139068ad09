//! Enumerations: values come, go and are renamed.

use super::compare::Walk;
use super::model::Enum;
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::rules::ProtobufRules;
use crate::text::{few, shown};

impl Walk<'_> {
    pub(super) fn enumerations(&mut self) -> Result<(), SchemaError> {
        let (old, new) = (self.old, self.new);
        for (key, before) in &old.enums {
            self.steps.take()?;
            let path = Path::named(&new.full(key));
            match new.enums.get(key) {
                Some(after) => self.enumeration(before, after, &path),
                None if key.starts_with('.') => {}
                None => {
                    let sentence = format!("enum `{}` was removed: its numbers are still in events", shown(key));
                    let finding = Finding::new(&path, Kind::EnumRemoved, sentence).contract(Verdict::Warning);
                    self.report(finding.cure("keep it until no consumer needs its names"));
                }
            }
        }
        for key in new.enums.keys().filter(|key| !old.enums.contains_key(*key) && !key.starts_with('.')) {
            self.report(Finding::new(&Path::named(&new.full(key)), Kind::EnumAdded, format!("enum `{}` was added", shown(key))));
        }
        Ok(())
    }

    fn enumeration(&mut self, old: &Enum, new: &Enum, path: &Path) {
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        let added: Vec<String> =
            new.values.iter().filter(|(number, _)| !old.values.contains_key(number)).map(|(_, names)| first(names)).collect();
        let removed: Vec<_> = old.values.iter().filter(|(number, _)| !new.values.contains_key(number)).collect();
        if !added.is_empty() {
            let names = few(added.iter().map(String::as_str));
            let sentence = format!("the enum was widened by {names}: consumers must handle unknown values");
            let finding = Finding::new(path, Kind::EnumWidened, sentence).contract(Verdict::Warning);
            self.report(finding.cure("see that consumers have a branch for values that they do not know"));
        }
        if !removed.is_empty() {
            let free = removed.iter().any(|(number, names)| match self.rules {
                ProtobufRules::Confluent => false,
                ProtobufRules::Wire => !new.reserved.number(**number),
                ProtobufRules::WireJson => !new.reserved.number(**number) || !names.iter().all(|name| new.reserved.name(name)),
            });
            let labels: Vec<_> = removed.iter().map(|(_, names)| first(names)).collect();
            let names = few(labels.iter().map(String::as_str));
            let sentence = format!("the enum was narrowed by {names}: old events that hold them have a number without a name");
            let finding = Finding::new(path, Kind::EnumNarrowed, sentence).breaks(free, free).contract(Verdict::Breaking);
            self.report(finding.cure("keep the values, marked deprecated; one that has to go leaves its number and name reserved"));
        }
        for (number, before) in &old.values {
            let Some(after) = new.values.get(number) else { continue };
            if before.iter().any(|name| after.contains(name)) {
                continue;
            }
            let json = self.rules == ProtobufRules::WireJson;
            let (from, to) = (shown(&first(before)), shown(&first(after)));
            let sentence = format!("value {number} was renamed from `{from}` to `{to}`: bytes stay the same, JSON and code do not");
            let finding = Finding::new(path, Kind::EnumValueRenamed, sentence).breaks(json, json).contract(Verdict::Warning);
            self.report(finding.cure(format!("keep `{from}`, or let both names stand with allow_alias")));
        }
        self.reservations(&old.reserved, &new.reserved, path);
    }
}
