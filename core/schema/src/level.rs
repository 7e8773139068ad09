//! What compatible means.

use serde::Serialize;

/// Who must be able to read what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// The table for people: what consumers rely on stays, what they must be ready for is a warning. Against the latest version.
    #[default]
    Contract,
    /// Nothing is checked.
    None,
    /// The new schema reads events of the latest one.
    Backward,
    /// The new schema reads events of every version.
    BackwardTransitive,
    /// The latest schema reads events of the new one.
    Forward,
    /// Every version reads events of the new one.
    ForwardTransitive,
    /// Both ways, with the latest version.
    Full,
    /// Both ways, with every version.
    FullTransitive,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Contract,
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// As it is written in registries and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "CONTRACT",
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether all versions count, and not only the latest.
    #[must_use]
    pub fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }

    /// Whether the new schema must read old events.
    #[must_use]
    pub fn reads_old(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether old schemas must read new events.
    #[must_use]
    pub fn reads_new(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = text.to_ascii_uppercase().replace('-', "_");
        Self::ALL.into_iter().find(|level| level.name() == wanted).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|level| level.name()).collect();
            format!("`{}` is no level; it is one of {}", crate::text::shown(text), names.join(", "))
        })
    }
}
