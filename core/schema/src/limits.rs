//! How much a schema may cost.

/// Bounds on parsing and comparing. A schema beyond one of them is an error that names the limit, never a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a schema together with all that it refers to.
    pub bytes: usize,
    /// How deep types may be nested, references followed.
    pub depth: usize,
    /// Types, fields and members of one schema, all references included.
    pub nodes: usize,
    /// Documents that a schema may be handed beside its own.
    pub references: usize,
    /// Pairs of types that one comparison may look at.
    pub steps: usize,
    /// Differences that are reported; the rest is counted in one last difference.
    pub differences: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, depth: 100, nodes: 100_000, references: 256, steps: 200_000, differences: 1_000 }
    }
}
