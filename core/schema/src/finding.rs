//! What a walk over two schemas reports; no level is known here.

use crate::difference::{Breaks, Verdict};
use crate::kind::Kind;
use crate::path::Path;

/// One difference, with all that any level needs to judge it.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) path: Path,
    pub(crate) kind: Kind,
    pub(crate) breaks: Breaks,
    /// Readable by the rules, and yet the values mean something else.
    pub(crate) caution: bool,
    /// The row of the contract table.
    pub(crate) contract: Verdict,
    pub(crate) sentence: String,
    /// What a level says of it that the contract does not mind.
    pub(crate) strictly: Option<String>,
    pub(crate) cure: Option<String>,
}

impl Finding {
    /// Something that is fine everywhere, until told otherwise.
    pub(crate) fn new(path: &Path, kind: Kind, sentence: impl Into<String>) -> Self {
        let (path, sentence) = (path.clone(), sentence.into());
        Self { path, kind, breaks: Breaks::default(), caution: false, contract: Verdict::Fine, sentence, strictly: None, cure: None }
    }

    /// Which reading breaks. The contract follows: what old events run into is breaking, what old consumers run into is a warning.
    pub(crate) fn breaks(mut self, backward: bool, forward: bool) -> Self {
        self.breaks = Breaks { backward, forward };
        self.contract = match (backward, forward) {
            (true, _) => Verdict::Breaking,
            (false, true) => Verdict::Warning,
            (false, false) => Verdict::Fine,
        };
        self
    }

    /// The row of the contract table, where it differs from what follows from `breaks`.
    pub(crate) fn contract(mut self, verdict: Verdict) -> Self {
        self.contract = verdict;
        self
    }

    pub(crate) fn caution(mut self) -> Self {
        self.caution = true;
        self.contract = self.contract.max(Verdict::Warning);
        self
    }

    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = Some(cure.into());
        self
    }

    pub(crate) fn strictly(mut self, why: impl Into<String>) -> Self {
        self.strictly = Some(why.into());
        self
    }
}
