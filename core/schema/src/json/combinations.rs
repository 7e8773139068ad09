//! `oneOf`, `anyOf` and `allOf`: members are paired so that as many as possible read each other.

use super::compare::{Out, Walk};
use super::model::{Id, JsonSchema};
use crate::difference::Breaks;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;

/// How members combine: one or several are enough, or all count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    One,
    Any,
    All,
}

impl Walk<'_> {
    /// Schemas that are a choice and nothing else. True if that is all there is to them.
    pub(super) fn sums(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<bool, SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (choice(left, old), choice(right, new));
        let is_plain = |node: &super::model::Node| node.any_of.is_empty() && node.one_of.is_empty();
        match (before, after) {
            (Some((one, one_way)), Some((other, other_way))) => {
                let narrower = one_way == Way::Any && other_way == Way::One && one.len() > 1;
                let wider = one_way == Way::One && other_way == Way::Any && other.len() > 1;
                self.members((&one, &other), other_way, path, out)?;
                if narrower || wider {
                    let sentence = if narrower {
                        "anyOf became oneOf: an event that fits more than one member is refused"
                    } else {
                        "oneOf became anyOf"
                    };
                    out.report(Finding::new(path, Kind::CombinationChanged, sentence).breaks(narrower, wider).cure("leave it as it was"));
                }
                Ok(true)
            }
            (Some((one, way)), None) if is_plain(right.node(new)) && !right.node(new).is_anything() => {
                self.members((&one, &[new]), way, path, out)?;
                Ok(true)
            }
            (None, Some((other, way))) if is_plain(left.node(old)) && !left.node(old).is_anything() => {
                self.members((&[old], &other), way, path, out)?;
                Ok(true)
            }
            _ => {
                self.beside(old, new, path, out)?;
                Ok(false)
            }
        }
    }

    /// Choices that stand beside other keywords.
    fn beside(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (before, after) = (left.node(old), right.node(new));
        for (one, other, way) in [(&before.any_of, &after.any_of, Way::Any), (&before.one_of, &after.one_of, Way::One)] {
            match (one.is_empty(), other.is_empty()) {
                (true, true) => {}
                (false, false) => self.members((&some(one), &some(other)), way, path, out)?,
                (was_none, _) => {
                    let sentence = if was_none { "a choice between schemas is new" } else { "a choice between schemas is gone" };
                    let cure = if was_none { "leave it out; old events were written without it" } else { "update all consumers first" };
                    out.report(Finding::new(path, Kind::CombinationChanged, sentence).breaks(was_none, !was_none).cure(cure));
                }
            }
        }
        Ok(())
    }

    pub(super) fn products(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        let (one, other) = (some(&left.node(old).all_of), some(&right.node(new).all_of));
        if one.is_empty() && other.is_empty() { Ok(()) } else { self.members((&one, &other), Way::All, path, out) }
    }

    fn members(&mut self, (olds, news): (&[Option<Id>], &[Option<Id>]), way: Way, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        let mut table: Vec<Vec<Breaks>> = Vec::new();
        for old in olds {
            let row: Result<Vec<Breaks>, SchemaError> = news.iter().map(|new| self.breaks(*old, *new)).collect();
            table.push(row?);
        }
        let good = |at: (usize, usize), wanted: fn(&Breaks) -> bool| table.get(at.0).and_then(|row| row.get(at.1)).is_some_and(wanted);
        let both = pairs(olds.len(), news.len(), &|at| good(at, |breaks| !breaks.backward && !breaks.forward));
        let backward = pairs(olds.len(), news.len(), &|at| good(at, |breaks| !breaks.backward)).len();
        let forward = pairs(olds.len(), news.len(), &|at| good(at, |breaks| !breaks.forward)).len();
        // Of a choice every old member needs a place in the new one. Of schemas that all count, every new one must have held before.
        let (needs_backward, needs_forward) = if way == Way::All { (news.len(), olds.len()) } else { (olds.len(), news.len()) };
        let broken = Breaks { backward: backward < needs_backward, forward: forward < needs_forward };
        if self.only_asks() {
            if broken.backward || broken.forward {
                out.report(Finding::new(path, Kind::CombinationChanged, "members differ").breaks(broken.backward, broken.forward));
            }
            return Ok(());
        }
        let left_old: Vec<usize> = (0..olds.len()).filter(|at| !both.iter().any(|(old, _)| old == at)).collect();
        let left_new: Vec<usize> = (0..news.len()).filter(|at| !both.iter().any(|(_, new)| new == at)).collect();
        let mut told = Breaks::default();
        for (old, new) in left_old.iter().zip(&left_new) {
            let name = format!("{} {}", way.name(), new + 1);
            let place = if olds.len().max(news.len()) > 1 { path.member(&name) } else { path.clone() };
            let (old, new) = (olds.get(*old).copied().flatten(), news.get(*new).copied().flatten());
            for finding in self.tell(old, new, &place)? {
                let breaks =
                    Breaks { backward: finding.breaks.backward && broken.backward, forward: finding.breaks.forward && broken.forward };
                told.backward |= breaks.backward;
                told.forward |= breaks.forward;
                out.report(Finding { breaks, ..finding });
            }
        }
        let shared = left_old.len().min(left_new.len());
        for old in left_old.iter().skip(shared) {
            let label = self.old.label(olds.get(*old).copied().flatten());
            let (backward, forward) = (way != Way::All, way == Way::All);
            let sentence = format!("{} lost its member {} ({label})", way.name(), old + 1);
            told = Breaks { backward: told.backward || backward, forward: told.forward || forward };
            out.report(
                Finding::new(path, Kind::MemberRemoved, sentence)
                    .breaks(backward && broken.backward, forward && broken.forward)
                    .cure("keep it"),
            );
        }
        for new in left_new.iter().skip(shared) {
            let label = self.new.label(news.get(*new).copied().flatten());
            let (backward, forward) = (way == Way::All, way != Way::All);
            let sentence = format!("{} has a new member {} ({label})", way.name(), new + 1);
            told = Breaks { backward: told.backward || backward, forward: told.forward || forward };
            let finding = Finding::new(path, Kind::MemberAdded, sentence).breaks(backward && broken.backward, forward && broken.forward);
            let cure = if backward {
                "leave it out; old events were written without it"
            } else {
                "update all consumers before the first producer"
            };
            out.report(finding.cure(cure));
        }
        let untold = Breaks { backward: broken.backward && !told.backward, forward: broken.forward && !told.forward };
        if untold.backward || untold.forward {
            let sentence = format!("the members of {} can't be paired so that each reads its counterpart", way.name());
            out.report(
                Finding::new(path, Kind::CombinationChanged, sentence).breaks(untold.backward, untold.forward).cure("keep the members"),
            );
        }
        Ok(())
    }
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::One => "oneOf",
            Self::Any => "anyOf",
            Self::All => "allOf",
        }
    }
}

fn some(ids: &[Id]) -> Vec<Option<Id>> {
    ids.iter().copied().map(Some).collect()
}

/// The members of a schema that is a choice and asks for nothing else.
fn choice(schema: &JsonSchema, id: Option<Id>) -> Option<(Vec<Option<Id>>, Way)> {
    let node = schema.node(id);
    if !node.is_bare() || !node.all_of.is_empty() {
        return None;
    }
    match (node.any_of.is_empty(), node.one_of.is_empty()) {
        (false, true) => Some((some(&node.any_of), Way::Any)),
        (true, false) => Some((some(&node.one_of), Way::One)),
        _ => None,
    }
}

/// As many pairs as possible, each member in one at most: augmenting paths, in the order of the members.
fn pairs(olds: usize, news: usize, fits: &dyn Fn((usize, usize)) -> bool) -> Vec<(usize, usize)> {
    let mut partner: Vec<Option<usize>> = vec![None; news];
    for old in 0..olds {
        let mut tried = vec![false; news];
        augment(old, fits, &mut partner, &mut tried);
    }
    partner.iter().enumerate().filter_map(|(new, old)| Some(((*old)?, new))).collect()
}

fn augment(old: usize, fits: &dyn Fn((usize, usize)) -> bool, partner: &mut [Option<usize>], tried: &mut [bool]) -> bool {
    for new in 0..partner.len() {
        let free = tried.get(new).is_some_and(|tried| !tried);
        if !free || !fits((old, new)) {
            continue;
        }
        if let Some(tried) = tried.get_mut(new) {
            *tried = true;
        }
        let other = partner.get(new).copied().flatten();
        if other.is_none_or(|other| augment(other, fits, partner, tried)) {
            if let Some(slot) = partner.get_mut(new) {
                *slot = Some(old);
            }
            return true;
        }
    }
    false
}
