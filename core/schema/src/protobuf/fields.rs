//! The fields of messages. A field is its number; its name matters to JSON and to code.

use super::compare::Walk;
use super::model::{Cardinality, Field, Message, Scalar, Type};
use super::rules::{holds, reads, scalars};
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::rules::ProtobufRules;
use crate::text::shown;

const ANOTHER_FIELD: &str = "keep it, add a field with a new number and the new type, and write both for a while";

impl Walk<'_> {
    pub(super) fn fields(&mut self, old: &Message, new: &Message, path: &Path) -> Result<(), SchemaError> {
        for (number, before) in &old.fields {
            self.steps.take()?;
            match new.fields.get(number) {
                Some(after) => self.field(before, after, path),
                None => self.removed(before, old, new, path),
            }
        }
        for (number, after) in &new.fields {
            self.steps.take()?;
            if !old.fields.contains_key(number) {
                self.added(after, old, new, path);
            }
        }
        Ok(())
    }

    fn removed(&mut self, field: &Field, old: &Message, new: &Message, path: &Path) {
        let (name, number) = (shown(&field.name), field.number);
        let path = path.field(&field.name);
        let required = field.cardinality == Cardinality::Required;
        let reserved = match self.rules {
            ProtobufRules::Confluent => true,
            ProtobufRules::Wire => new.reserved.number(number),
            ProtobufRules::WireJson => new.reserved.number(number) && new.reserved.name(&field.name),
        };
        let moved = new.fields.values().find(|other| other.name == field.name && !old.fields.contains_key(&other.number));
        if let Some(moved) = moved {
            let sentence = format!(
                "field `{name}` has number {} and had {number}: old events have it under the old number, where nobody looks",
                moved.number
            );
            let finding = Finding::new(&path, Kind::FieldRenumbered, sentence).breaks(required || !reserved, required || !reserved);
            return self.report(finding.contract(Verdict::Breaking).cure(format!("give it number {number} again")));
        }
        // The mirror image of a field that was added to a oneof.
        let from_oneof = self.rules == ProtobufRules::Confluent && field.oneof.as_ref().is_some_and(|oneof| new.oneofs.contains(oneof));
        let kind = if from_oneof { Kind::OneofMemberRemoved } else { Kind::FieldRemoved };
        let sentence = match (&field.oneof, required) {
            (_, true) => format!("required field `{name}` ({number}) was removed: consumers that use the old schema can't read new events"),
            (Some(oneof), _) => {
                format!("field `{name}` ({number}) was removed from the oneof `{}`: consumers find none of its fields set", shown(oneof))
            }
            _ => format!("field `{name}` ({number}) was removed: consumers that use the old schema get an empty value, whatever was meant"),
        };
        let cure = if new.reserved.number(number) && new.reserved.name(&field.name) {
            "keep it until no consumer reads it".to_owned()
        } else {
            format!("keep it until no consumer reads it; then leave `reserved {number}; reserved \"{name}\";`")
        };
        let finding = Finding::new(&path, kind, sentence).breaks(required || !reserved || from_oneof, required || !reserved);
        self.report(finding.contract(Verdict::Breaking).cure(cure));
    }

    fn added(&mut self, field: &Field, old: &Message, new: &Message, path: &Path) {
        let (name, number) = (shown(&field.name), field.number);
        let renumbered = old.fields.values().any(|other| other.name == field.name && !new.fields.contains_key(&other.number));
        if renumbered {
            return;
        }
        let path = path.field(&field.name);
        if field.cardinality == Cardinality::Required {
            let sentence = format!("required field `{name}` ({number}) was added: old events don't have it and can't be read");
            let finding = Finding::new(&path, Kind::RequiredFieldAdded, sentence).breaks(true, true);
            return self.report(finding.cure("make it optional"));
        }
        if old.reserved.number(number) || old.reserved.name(&field.name) {
            let sentence = format!("field `{name}` ({number}) uses what was reserved: old events may hold something else there");
            let wire = self.is_wire();
            let finding = Finding::new(&path, Kind::ReservationRemoved, sentence).breaks(wire, wire).contract(Verdict::Breaking);
            return self.report(finding.cure("take a number and a name that were never used"));
        }
        match field.oneof.as_ref().filter(|oneof| old.oneofs.contains(oneof)) {
            Some(oneof) => {
                let sentence = format!(
                    "field `{name}` ({number}) was added to the oneof `{}`: consumers must handle that none of those they know is set",
                    shown(oneof)
                );
                let forward = self.rules == ProtobufRules::Confluent;
                let finding = Finding::new(&path, Kind::FieldAdded, sentence).breaks(false, forward).contract(Verdict::Warning);
                self.report(finding.cure("see that consumers have a branch for that, and update them first"));
            }
            None => self.report(Finding::new(&path, Kind::FieldAdded, format!("optional field `{name}` ({number}) was added"))),
        }
    }

    fn field(&mut self, old: &Field, new: &Field, path: &Path) {
        let path = path.field(&new.name);
        self.names(old, new, &path);
        if !self.cardinality(old, new, &path) {
            self.kind(old, new, &path);
        }
        if old.default != new.default {
            let sentence = format!("the default of `{}` changed: events without it mean something else now", shown(&new.name));
            let finding = Finding::new(&path, Kind::DefaultChanged, sentence).contract(Verdict::Warning);
            self.report(finding.cure("keep the default"));
        }
        if old.presence != new.presence && old.cardinality == new.cardinality && old.oneof == new.oneof {
            let (name, says) =
                (shown(&new.name), if new.presence { "tells unset from empty now" } else { "no longer tells unset from empty" });
            let finding = Finding::new(&path, Kind::PresenceChanged, format!("field `{name}` {says}")).contract(Verdict::Warning);
            self.report(finding.cure("keep `optional` as it was"));
        }
    }

    fn names(&mut self, old: &Field, new: &Field, path: &Path) {
        let json = self.rules == ProtobufRules::WireJson;
        let (from, to, number) = (shown(&old.name), shown(&new.name), new.number);
        if old.name != new.name {
            let same_json = old.json_name == new.json_name;
            let sentence =
                format!("field {number} was renamed from `{from}` to `{to}`: bytes stay the same, JSON and code that use the name do not");
            let finding = Finding::new(path, Kind::FieldRenamed, sentence).breaks(json, json);
            let cure = if same_json {
                "keep the name; JSON is served by json_name, code is not".to_owned()
            } else {
                format!("keep the name; as an alias for JSON, write `[json_name = \"{}\"]`", shown(&old.json_name))
            };
            self.report(finding.contract(if same_json { Verdict::Warning } else { Verdict::Breaking }).cure(cure));
        } else if old.json_name != new.json_name {
            let (from, to) = (shown(&old.json_name), shown(&new.json_name));
            let sentence = format!("the name in JSON changed from `{from}` to `{to}`");
            let finding = Finding::new(path, Kind::JsonNameChanged, sentence).breaks(json, json).contract(Verdict::Warning);
            self.report(finding.cure(format!("keep json_name = \"{from}\"")));
        }
    }

    /// True if the field changed so much that its type need not be looked at.
    fn cardinality(&mut self, old: &Field, new: &Field, path: &Path) -> bool {
        use Cardinality::{Map, Repeated, Required, Single};
        let name = shown(&new.name);
        let finding = match (old.cardinality, new.cardinality) {
            (left, right) if left == right => return false,
            (Single, Required) => {
                let sentence = format!("field `{name}` became required: old events without it can't be read");
                Finding::new(path, Kind::FieldMadeRequired, sentence).breaks(true, true).cure("keep it optional")
            }
            (Required, Single) => {
                let sentence = format!("field `{name}` became optional: consumers that use the old schema can't read events without it");
                let finding = Finding::new(path, Kind::FieldMadeOptional, sentence).breaks(true, true).contract(Verdict::Warning);
                finding.cure("update all consumers before the first producer leaves it out")
            }
            (Map(left), Map(right)) => {
                let (backward, forward) = (!scalars(self.rules, left, right), !scalars(self.rules, right, left));
                let sentence = format!("the keys of map `{name}` changed from {} to {}", left.name(), right.name());
                Finding::new(path, Kind::TypeChanged, sentence).breaks(backward, forward).contract(Verdict::Breaking).cure(ANOTHER_FIELD)
            }
            (left, right) => {
                let map = matches!((left, right), (Map(_), _) | (_, Map(_)));
                // Texts and messages are not packed: a registry lets the last one count.
                let packed = matches!(&new.kind, Type::Enum(_))
                    || matches!(&new.kind, Type::Scalar(scalar) if !matches!(scalar, Scalar::String | Scalar::Bytes));
                let broken = self.is_wire() || map || packed;
                let sentence = format!(
                    "field `{name}` changed from `{}` to `{}`: what was sent as one is read as many, or the reverse",
                    old.label(),
                    new.label()
                );
                let finding = Finding::new(path, Kind::CardinalityChanged, sentence).breaks(broken, broken).contract(Verdict::Breaking);
                self.report(finding.cure(ANOTHER_FIELD));
                return map || !matches!((left, right), (Single | Required, Repeated) | (Repeated, Single | Required));
            }
        };
        self.report(finding);
        false
    }

    fn kind(&mut self, old: &Field, new: &Field, path: &Path) {
        if old.kind == new.kind {
            return;
        }
        let (from, to) = (old.kind.label(), new.kind.label());
        let backward = !reads(self.rules, (self.old, &old.kind), (self.new, &new.kind));
        let forward = !reads(self.rules, (self.new, &new.kind), (self.old, &old.kind));
        let finding = if holds(&new.kind, &old.kind) {
            let lost = match (&old.kind, &new.kind) {
                (Type::Enum(_), _) => "have no names for new numbers",
                (Type::Scalar(Scalar::String), _) => "can't read what is no text",
                _ => "cut off what does not fit",
            };
            let sentence = format!("the type was widened from {from} to {to}: consumers that use the old schema {lost}");
            let finding = Finding::new(path, Kind::TypeWidened, sentence).breaks(backward, forward).contract(Verdict::Warning);
            finding.cure("update all consumers before the first producer")
        } else if holds(&old.kind, &new.kind) {
            let sentence = format!("the type was narrowed from {from} to {to}: of old events, what does not fit is cut off or refused");
            Finding::new(path, Kind::TypeNarrowed, sentence)
                .breaks(backward, forward)
                .contract(Verdict::Breaking)
                .cure(format!("keep {from}"))
        } else {
            let sentence = format!("the type changed from {from} to {to}: values are lost or mean something else");
            Finding::new(path, Kind::TypeChanged, sentence).breaks(backward, forward).contract(Verdict::Breaking).cure(ANOTHER_FIELD)
        };
        self.report(finding);
    }
}
