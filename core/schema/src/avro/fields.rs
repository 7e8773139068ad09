//! The fields of records: added, removed, renamed, and their defaults.

use super::compare::{Walk, Ways};
use super::model::{AvroSchema, Field, Record};
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::rename::{self, Candidate};
use crate::text::{shown, value};

type Place<'a> = (usize, &'a Field);

impl Walk<'_> {
    pub(super) fn records(&mut self, old: &Record, new: &Record, path: &Path, ways: Ways) -> Result<(), SchemaError> {
        self.names((&old.name, &old.aliases), (&new.name, &new.aliases), path, ways);
        if old.doc != new.doc {
            self.report(Finding::new(path, Kind::DocumentationChanged, "the documentation changed"), ways);
        }
        let olds = by_name(old);
        let news = by_name(new);
        self.order(old, new, path, ways);
        for field in &new.fields {
            if let Some((_, before)) = olds.get(field.name.as_str()) {
                let path = path.field(&field.name);
                self.default(before, field, &path, ways);
                self.pair(before.schema, field.schema, &path, ways)?;
            }
        }
        let mut removed: Vec<Place<'_>> =
            old.fields.iter().enumerate().filter(|(_, field)| !news.contains_key(field.name.as_str())).collect();
        let mut added: Vec<Place<'_>> =
            new.fields.iter().enumerate().filter(|(_, field)| !olds.contains_key(field.name.as_str())).collect();
        self.aliased(&mut removed, &mut added, path, ways)?;
        self.renamed(&mut removed, &mut added, path, ways);
        for (_, field) in removed {
            self.removed(field, path, ways);
        }
        for (_, field) in added {
            self.added(field, path, ways);
        }
        Ok(())
    }

    fn order(&mut self, old: &Record, new: &Record, path: &Path, ways: Ways) {
        let (olds, news) = (by_name(old), by_name(new));
        let before = old.fields.iter().map(|field| &field.name).filter(|name| news.contains_key(name.as_str()));
        let after = new.fields.iter().map(|field| &field.name).filter(|name| olds.contains_key(name.as_str()));
        if !before.eq(after) {
            let sentence = "the fields are in another order: a reader finds them by name";
            self.report(Finding::new(path, Kind::FieldMoved, sentence), ways);
        }
    }

    /// A field whose old name is known as an alias, on one side or on both.
    fn aliased(&mut self, removed: &mut Vec<Place<'_>>, added: &mut Vec<Place<'_>>, path: &Path, ways: Ways) -> Result<(), SchemaError> {
        let mut pairs = Vec::new();
        for (_, new) in added.iter() {
            let named = |old: &Field| (new.aliases.contains(&old.name), old.aliases.contains(&new.name));
            let known = removed.iter().find(|(_, old)| named(old).0).or_else(|| removed.iter().find(|(_, old)| named(old).1));
            if let Some((_, old)) = known {
                pairs.push((*old, *new, named(old)));
            }
        }
        for (old, new, (known_to_new, known_to_old)) in pairs {
            let both_left = removed.iter().any(|(_, field)| field.name == old.name);
            if !both_left {
                continue;
            }
            removed.retain(|(_, field)| field.name != old.name);
            added.retain(|(_, field)| field.name != new.name);
            let path = path.field(&new.name);
            let backward = !known_to_new && !self.new.fills(new);
            let forward = !known_to_old && !self.old.fills(old);
            let (from, to) = (shown(&old.name), shown(&new.name));
            let sentence = format!(
                "field `{from}` was renamed to `{to}`, and an alias says so: consumers that use the old schema don't find it under its new name"
            );
            let finding = Finding::new(&path, Kind::FieldRenamedWithAlias, sentence).breaks(backward, forward);
            let verdict = if known_to_new { Verdict::Warning } else { Verdict::Breaking };
            let cure = if known_to_new {
                "update all consumers before the first producer".to_owned()
            } else {
                format!("add \"aliases\": [\"{from}\"] to field `{to}` as well")
            };
            self.report(finding.contract(verdict).cure(cure), ways);
            let met = Ways { backward: ways.backward && known_to_new, forward: ways.forward && known_to_old };
            self.pair(old.schema, new.schema, &path, met)?;
        }
        Ok(())
    }

    fn renamed(&mut self, removed: &mut Vec<Place<'_>>, added: &mut Vec<Place<'_>>, path: &Path, ways: Ways) {
        let pairs = rename::pairs(&candidates(self.old, removed), &candidates(self.new, added));
        let pairs: Vec<_> = pairs.iter().filter_map(|(old, new)| Some((*removed.get(*old)?, *added.get(*new)?))).collect();
        for ((_, old), (_, new)) in pairs {
            removed.retain(|(_, field)| field.name != old.name);
            added.retain(|(_, field)| field.name != new.name);
            let (from, to) = (shown(&old.name), shown(&new.name));
            let sentence = format!("field `{from}` looks renamed to `{to}`: to a reader, `{from}` is gone and `{to}` is another field");
            let finding = Finding::new(&path.field(&old.name), Kind::FieldRenamed, sentence);
            let finding = finding.breaks(!self.new.fills(new), !self.old.fills(old)).contract(Verdict::Breaking);
            let cure = format!(
                "keep the name, or add \"aliases\": [\"{from}\"] to field `{to}` and update all consumers before the first producer"
            );
            self.report(finding.cure(cure), ways);
        }
    }

    fn removed(&mut self, field: &Field, path: &Path, ways: Ways) {
        let name = shown(&field.name);
        let fills = self.old.fills(field);
        let sentence = if fills {
            format!("field `{name}` was removed: consumers that use the old schema get its default, whatever was meant")
        } else {
            format!("field `{name}` was removed: consumers that use the old schema can't read new events, it has no default")
        };
        let finding =
            Finding::new(&path.field(&field.name), Kind::FieldRemoved, sentence).breaks(false, !fills).contract(Verdict::Breaking);
        self.report(finding.cure("keep it until no consumer reads it; give it a default one version before it goes"), ways);
    }

    fn added(&mut self, field: &Field, path: &Path, ways: Ways) {
        let name = shown(&field.name);
        let path = path.field(&field.name);
        let finding = if self.new.fills(field) {
            Finding::new(&path, Kind::FieldAdded, format!("optional field `{name}` was added"))
        } else if field.default.is_some() {
            let default = field.default.as_ref().map(value).unwrap_or_default();
            let label = self.new.label(field.schema);
            let sentence = format!("field `{name}` was added with the default {default}, which is no {label}: old events can't be read");
            Finding::new(&path, Kind::DefaultInvalid, sentence).breaks(true, false).cure(format!("give it a default that is a {label}"))
        } else {
            let label = self.new.label(field.schema);
            let sentence = format!("required field `{name}` was added: old events don't have it, and it has no default");
            let cure = format!("give it a default, as \"type\": [\"null\", …], \"default\": null (it is {label})");
            Finding::new(&path, Kind::RequiredFieldAdded, sentence).breaks(true, false).cure(cure)
        };
        self.report(finding, ways);
    }

    fn default(&mut self, old: &Field, new: &Field, path: &Path, ways: Ways) {
        let name = shown(&new.name);
        if old.doc != new.doc {
            self.report(Finding::new(path, Kind::DocumentationChanged, format!("the documentation of `{name}` changed")), ways);
        }
        if old.default == new.default {
            return;
        }
        if !self.new.default_fits(new) && self.old.default_fits(old) {
            let default = new.default.as_ref().map(value).unwrap_or_default();
            let sentence = format!("the default of `{name}` is {default}, which is no {}", self.new.label(new.schema));
            let finding = Finding::new(path, Kind::DefaultInvalid, sentence).caution().contract(Verdict::Breaking);
            return self.report(finding.cure("give it a default of the field's type"), ways);
        }
        let finding = match (&old.default, &new.default) {
            (Some(before), Some(after)) => {
                let sentence = format!(
                    "the default of `{name}` changed from {} to {}: events without it mean something else now",
                    value(before),
                    value(after)
                );
                Finding::new(path, Kind::DefaultChanged, sentence).contract(Verdict::Warning).cure("keep the default")
            }
            (Some(before), None) => {
                let sentence =
                    format!("`{name}` lost its default {}: events of versions that lack the field can't be read any more", value(before));
                Finding::new(path, Kind::DefaultRemoved, sentence).contract(Verdict::Warning).cure("keep the default")
            }
            _ => Finding::new(path, Kind::DefaultAdded, format!("`{name}` has a default now")),
        };
        self.report(finding, ways);
    }
}

fn by_name(record: &Record) -> std::collections::BTreeMap<&str, Place<'_>> {
    record.fields.iter().enumerate().map(|(place, field)| (field.name.as_str(), (place, field))).collect()
}

fn candidates<'a>(schema: &AvroSchema, fields: &[Place<'a>]) -> Vec<Candidate<'a>> {
    fields.iter().map(|(place, field)| Candidate { name: &field.name, kind: schema.label(field.schema), place: Some(*place) }).collect()
}
