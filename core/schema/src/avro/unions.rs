//! Unions, and a type that became one or stopped being one.

use std::collections::BTreeMap;

use super::compare::{Walk, Ways};
use super::model::{AvroSchema, Enum, Fixed, Id, Record, Shape};
use super::names::Name;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;

impl Walk<'_> {
    pub(super) fn unions(&mut self, old: Id, new: Id, path: &Path, ways: Ways) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (olds, news) = (members(left, old), members(right, new));
        let mut pairs: BTreeMap<(Id, Id), Ways> = BTreeMap::new();
        let (mut gone, mut added) = (Vec::new(), Vec::new());
        const NEITHER: Ways = Ways { backward: false, forward: false };
        for member in &olds {
            match branch(right, &news, left, *member) {
                Some(found) => pairs.entry((*member, found)).or_insert(NEITHER).backward = ways.backward,
                None => gone.push(*member),
            }
        }
        for member in &news {
            match branch(left, &olds, right, *member) {
                Some(found) => pairs.entry((found, *member)).or_insert(NEITHER).forward = ways.forward,
                None => added.push(*member),
            }
        }
        // A member that only one reader recognises (it is promoted, or has an alias) is the same member widened, and not another one.
        for ((before, after), met) in &mut pairs {
            if added.contains(after) || gone.contains(before) {
                *met = ways;
            }
        }
        added.retain(|member| !pairs.keys().any(|(_, new)| new == member));
        gone.retain(|member| !pairs.keys().any(|(old, _)| old == member));
        self.nullness(&gone, &added, path, ways);
        gone.retain(|member| !left.is_null(*member));
        added.retain(|member| !right.is_null(*member));
        if let ([gone], [added]) = (gone.as_slice(), added.as_slice())
            && pairs.keys().all(|(old, _)| left.is_null(*old))
        {
            // The only thing that it could be became something else: that is no longer about unions.
            return self.pair(*gone, *added, path, ways);
        }
        for member in gone {
            let label = left.label(member);
            let sentence = format!("the union was narrowed by {label}: old events that hold it can't be read");
            self.report(
                Finding::new(path, Kind::UnionNarrowed, sentence).breaks(true, false).cure(format!("keep {label} in the union")),
                ways,
            );
        }
        for member in added {
            let label = right.label(member);
            let sentence = format!("the union was widened by {label}: consumers that use the old schema can't read events that hold it");
            let finding = Finding::new(path, Kind::UnionWidened, sentence).breaks(false, true);
            self.report(finding.cure("update all consumers before the first producer"), ways);
        }
        let several = olds.len().max(news.len()) > 2;
        for ((old, new), ways) in pairs {
            let path = if several { path.member(&right.label(new)) } else { path.clone() };
            self.pair(old, new, &path, ways)?;
        }
        Ok(())
    }

    fn nullness(&mut self, gone: &[Id], added: &[Id], path: &Path, ways: Ways) {
        if added.iter().any(|member| self.new.is_null(*member)) {
            let sentence = "the field became optional: consumers that use the old schema can't read null";
            let finding = Finding::new(path, Kind::FieldMadeOptional, sentence).breaks(false, true);
            self.report(finding.cure("update all consumers before the first producer sends null"), ways);
        }
        if gone.iter().any(|member| self.old.is_null(*member)) {
            let sentence = "the field became required: old events that hold null can't be read";
            let finding = Finding::new(path, Kind::FieldMadeRequired, sentence).breaks(true, false);
            self.report(finding.cure("keep null in the union"), ways);
        }
    }
}

fn members(schema: &AvroSchema, id: Id) -> Vec<Id> {
    match schema.shape(id) {
        Shape::Union(members) => members.clone(),
        _ => vec![id],
    }
}

/// The member that a reader takes for a type of the writer: the same one, then one that its aliases name, then one that it is promoted to.
pub(super) fn branch(reader: &AvroSchema, members: &[Id], writer: &AvroSchema, written: Id) -> Option<Id> {
    let shape = writer.shape(written);
    let find = |matches: &dyn Fn(&Shape) -> bool| members.iter().copied().find(|member| matches(reader.shape(*member)));
    find(&|member| same_kind(member, shape) && name(member).map(Name::full) == name(shape).map(Name::full))
        .or_else(|| find(&|member| same_kind(member, shape) && name(member).map(Name::short) == name(shape).map(Name::short)))
        .or_else(|| find(&|member| same_kind(member, shape) && name(shape).is_some_and(|name| aliases(member).contains(name))))
        .or_else(|| {
            let Shape::Primitive(written) = shape else { return None };
            find(&|member| matches!(member, Shape::Primitive(primitive) if primitive.reads(*written)))
        })
}

fn same_kind(left: &Shape, right: &Shape) -> bool {
    match (left, right) {
        (Shape::Primitive(left), Shape::Primitive(right)) => left == right,
        (left, right) => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}

fn name(shape: &Shape) -> Option<&Name> {
    match shape {
        Shape::Record(Record { name, .. }) | Shape::Enum(Enum { name, .. }) | Shape::Fixed(Fixed { name, .. }) => Some(name),
        _ => None,
    }
}

fn aliases(shape: &Shape) -> &[Name] {
    match shape {
        Shape::Record(Record { aliases, .. }) | Shape::Enum(Enum { aliases, .. }) | Shape::Fixed(Fixed { aliases, .. }) => aliases,
        _ => &[],
    }
}
