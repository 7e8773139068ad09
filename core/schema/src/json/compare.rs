//! Walks two JSON Schemas at once and reports what differs, with the reading that it breaks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::cover::Patterns;
use super::model::{Id, JsonSchema};
use crate::budget::Steps;
use crate::difference::{Breaks, Verdict};
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::path::Path;
use crate::rules::JsonPolicy;

/// Everything that differs.
pub(crate) fn compare(old: &JsonSchema, new: &JsonSchema, policy: JsonPolicy, limits: &Limits) -> Result<Vec<Finding>, SchemaError> {
    let mut walk = Walk {
        old,
        new,
        policy,
        steps: Steps::new(limits),
        names: Patterns::default(),
        known: BTreeMap::new(),
        telling: Vec::new(),
        within: Vec::new(),
    };
    walk.walk(Some(old.root), Some(new.root), &Path::root())
}

/// Combinations within combinations; each level calls the next.
const DEEPEST: usize = 24;

/// A schema of each side; none asks for nothing.
pub(super) type Pair = (Option<Id>, Option<Id>);

pub(super) struct Walk<'a> {
    pub(super) old: &'a JsonSchema,
    pub(super) new: &'a JsonSchema,
    pub(super) policy: JsonPolicy,
    pub(super) steps: Steps,
    pub(super) names: Patterns,
    /// Answers of [`Walk::breaks`] that depend on nothing that was still open.
    known: BTreeMap<Pair, Breaks>,
    /// Members of combinations that are being told about: a schema may be a member of itself.
    telling: Vec<Pair>,
    /// Pairs whose answer is being sought, and whether somebody has met them again on the way.
    within: Vec<(Pair, bool)>,
}

/// Where one walk puts what it finds.
#[derive(Default)]
pub(super) struct Out {
    seen: BTreeSet<Pair>,
    waiting: VecDeque<(Pair, Path)>,
    pub(super) findings: Vec<Finding>,
}

impl Out {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

impl Walk<'_> {
    /// A walk of its own from this pair on.
    pub(super) fn walk(&mut self, old: Option<Id>, new: Option<Id>, path: &Path) -> Result<Vec<Finding>, SchemaError> {
        let mut out = Out::default();
        self.pair(old, new, path, &mut out)?;
        while let Some(((old, new), path)) = out.waiting.pop_front() {
            self.look(old, new, &path, &mut out)?;
        }
        Ok(out.findings)
    }

    /// What differs between two members of a combination; nothing if that is being told already.
    pub(super) fn tell(&mut self, old: Option<Id>, new: Option<Id>, path: &Path) -> Result<Vec<Finding>, SchemaError> {
        let pair = (self.old.follow(old), self.new.follow(new));
        if self.telling.contains(&pair) || self.telling.len() >= DEEPEST {
            return Ok(Vec::new());
        }
        self.telling.push(pair);
        let findings = self.walk(old, new, path);
        self.telling.pop();
        findings
    }

    /// Whether somebody only wants to know what breaks, and not to read why.
    pub(super) fn only_asks(&self) -> bool {
        !self.within.is_empty()
    }

    /// Two schemas that belong together; looked at in their turn.
    pub(super) fn pair(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        self.steps.take()?;
        let pair = (self.old.follow(old), self.new.follow(new));
        if out.seen.insert(pair) {
            out.waiting.push_back((pair, path.clone()));
        }
        Ok(())
    }

    /// What reading one as the other breaks. A pair that is met again inside of itself breaks nothing of its own.
    pub(super) fn breaks(&mut self, old: Option<Id>, new: Option<Id>) -> Result<Breaks, SchemaError> {
        self.steps.take()?;
        let pair = (self.old.follow(old), self.new.follow(new));
        if let Some(breaks) = self.known.get(&pair) {
            return Ok(*breaks);
        }
        if let Some(at) = self.within.iter().position(|(open, _)| *open == pair) {
            self.within.iter_mut().skip(at).for_each(|(_, met)| *met = true);
            return Ok(Breaks::default());
        }
        if self.within.len() >= DEEPEST {
            return Err(SchemaError::limit("comparison", format!("combinations of schemas are nested deeper than {DEEPEST} levels")));
        }
        self.within.push((pair, false));
        let findings = self.walk(pair.0, pair.1, &Path::root())?;
        let met = self.within.pop().is_some_and(|(_, met)| met);
        let breaks = Breaks {
            backward: findings.iter().any(|finding| finding.breaks.backward),
            forward: findings.iter().any(|finding| finding.breaks.forward),
        };
        if !met || self.within.is_empty() {
            self.known.insert(pair, breaks);
        }
        Ok(breaks)
    }

    fn look(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) -> Result<(), SchemaError> {
        match (self.old.node(old).never, self.new.node(new).never) {
            (true, true) => return Ok(()),
            (true, false) => {
                let label = self.new.label(new);
                let sentence = format!("what was refused is allowed: {label}");
                let finding = Finding::new(path, Kind::ContentOpened, sentence).breaks(false, true).contract(Verdict::Fine);
                out.report(finding.cure("update all consumers before the first producer"));
                return Ok(());
            }
            (false, true) => {
                let sentence = "what was allowed is refused: old events may hold it".to_owned();
                out.report(Finding::new(path, Kind::ContentClosed, sentence).breaks(true, false).cure("leave it open"));
                return Ok(());
            }
            (false, false) => {}
        }
        self.annotations(old, new, path, out);
        if self.sums(old, new, path, out)? || self.types(old, new, path, out) {
            return Ok(());
        }
        self.values(old, new, path, out);
        self.bounds(old, new, path, out);
        self.objects(old, new, path, out)?;
        self.arrays(old, new, path, out)?;
        self.products(old, new, path, out)?;
        self.conditions(old, new, path, out)
    }
}
