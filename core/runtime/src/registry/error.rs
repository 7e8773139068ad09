//! Why a registry has no answer.

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// It can't be asked now: it does not answer, refuses us, or says what no registry says. Worth another try, and nobody's fault but its own.
    Away,
    /// It answered: there is no such schema, subject or version.
    NotFound,
    /// It answered, and what it has is beyond what we take: too large, too many references, an unknown format.
    Unusable,
    /// It refused what we gave it: incompatible, or no schema.
    Refused,
}

/// A question that has no answer: of whom, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    /// What went wrong, for programs.
    pub kind: RegistryErrorKind,
    /// For people. Holds no credentials.
    pub text: String,
}

impl RegistryError {
    pub(super) fn away(text: String) -> Self {
        Self { kind: RegistryErrorKind::Away, text }
    }

    pub(super) fn not_found(text: String) -> Self {
        Self { kind: RegistryErrorKind::NotFound, text }
    }

    pub(super) fn unusable(text: String) -> Self {
        Self { kind: RegistryErrorKind::Unusable, text }
    }
}

impl std::fmt::Display for RegistryError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text.fmt(formatter)
    }
}

impl std::error::Error for RegistryError {}
