//! What differs between two schemas, and whether that is a problem.

use serde::Serialize;

use crate::kind::Kind;

/// How bad a difference is under the rules that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nobody has to do anything.
    Fine,
    /// Somebody should be ready for it first. Fails only a strict check.
    Warning,
    /// Somebody can't read events any more.
    Breaking,
}

/// Which reading a difference breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Breaks {
    /// The new schema can't read (all) events written with the old one.
    pub backward: bool,
    /// The old schema can't read (all) events written with the new one.
    pub forward: bool,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where it shows in an event, as `$.lines[].price`; in Protobuf the full name.
    pub path: String,
    /// What it is, for programs.
    pub kind: Kind,
    /// How bad it is under the rules that were asked for.
    pub verdict: Verdict,
    /// Which reading it breaks, whatever level was asked for.
    pub breaks: Breaks,
    /// What changed and what follows, for people.
    pub sentence: String,
    /// What to do, where something should be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cure: Option<String>,
}
