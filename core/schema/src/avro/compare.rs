//! Walks two Avro schemas at once and reports what differs, with the reading that it breaks.

use std::collections::{BTreeSet, VecDeque};

use super::model::{AvroSchema, Id, Shape};
use crate::budget::Steps;
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::limits::Limits;
use crate::path::Path;

/// Everything that differs.
pub(crate) fn compare(old: &AvroSchema, new: &AvroSchema, limits: &Limits) -> Result<Vec<Finding>, SchemaError> {
    let mut walk = Walk { old, new, steps: Steps::new(limits), seen: BTreeSet::new(), waiting: VecDeque::new(), findings: Vec::new() };
    walk.pair(old.root, new.root, &Path::root(), Ways::BOTH)?;
    while let Some((old, new, path, ways)) = walk.waiting.pop_front() {
        walk.look(old, new, &path, ways)?;
    }
    Ok(walk.findings)
}

/// Which readings a pair of types takes part in: a name that only one side knows as an alias pairs them in one reading only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ways {
    pub(super) backward: bool,
    pub(super) forward: bool,
}

impl Ways {
    pub(super) const BOTH: Self = Self { backward: true, forward: true };
}

pub(super) struct Walk<'a> {
    pub(super) old: &'a AvroSchema,
    pub(super) new: &'a AvroSchema,
    steps: Steps,
    /// A pair is looked at once, so recursive types end and a type used in ten places is reported in the first.
    seen: BTreeSet<(Id, Id, Ways)>,
    /// Waiting, and not called: a chain of types may be longer than the stack is deep.
    waiting: VecDeque<(Id, Id, Path, Ways)>,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    pub(super) fn report(&mut self, mut finding: Finding, ways: Ways) {
        let before = finding.breaks;
        finding.breaks.backward &= ways.backward;
        finding.breaks.forward &= ways.forward;
        let nothing_left = !finding.breaks.backward && !finding.breaks.forward;
        if nothing_left && (before.backward || before.forward) {
            // What remains of it belongs to a reading in which these two types do not meet.
            finding.contract = Verdict::Fine;
        }
        self.findings.push(finding);
    }

    pub(super) fn pair(&mut self, old: Id, new: Id, path: &Path, ways: Ways) -> Result<(), SchemaError> {
        self.steps.take()?;
        if self.seen.insert((old, new, ways)) {
            self.waiting.push_back((old, new, path.clone(), ways));
        }
        Ok(())
    }

    fn look(&mut self, old: Id, new: Id, path: &Path, ways: Ways) -> Result<(), SchemaError> {
        let (left, right) = (self.old, self.new);
        match (left.shape(old), right.shape(new)) {
            (Shape::Union(_), _) | (_, Shape::Union(_)) => self.unions(old, new, path, ways)?,
            (Shape::Array(old), Shape::Array(new)) => self.pair(*old, *new, &path.items(), ways)?,
            (Shape::Map(old), Shape::Map(new)) => self.pair(*old, *new, &path.values(), ways)?,
            (Shape::Record(old), Shape::Record(new)) => self.records(old, new, path, ways)?,
            (Shape::Enum(old), Shape::Enum(new)) => self.enums(old, new, path, ways),
            (Shape::Fixed(old_fixed), Shape::Fixed(new_fixed)) => {
                self.fixed(old_fixed, new_fixed, path, ways);
                self.logical(old, new, path, ways);
            }
            (Shape::Primitive(old_type), Shape::Primitive(new_type)) if old_type == new_type => self.logical(old, new, path, ways),
            (Shape::Primitive(old_type), Shape::Primitive(new_type)) => {
                self.primitives((old, *old_type), (new, *new_type), path, ways);
            }
            _ => self.another_type(old, new, path, ways),
        }
        Ok(())
    }
}
