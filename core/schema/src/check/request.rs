//! What is to be checked.

use std::path::PathBuf;

use crate::format::Format;
use crate::limits::Limits;
use crate::rules::Rules;
use crate::source::Source;
use crate::text::shown;

/// Where older versions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Old {
    /// A file, or a folder with one file for each version.
    Path(PathBuf),
    /// The same in a revision of the git repository around the current folder.
    Git {
        /// A branch, a tag, a commit.
        revision: String,
        /// From the root of the repository; `./PATH` from the current folder.
        path: String,
    },
    /// Handed in: a registry's versions of a subject.
    Versions {
        /// What messages call them.
        name: String,
        /// The oldest first, each with what it refers to.
        versions: Vec<Source>,
    },
}

/// A schema and what it is held against.
#[derive(Clone, Debug)]
pub struct Request {
    /// The older versions.
    pub old: Old,
    /// The new one.
    pub new: PathBuf,
    /// Guessed from the name of the new file where it is not given.
    pub format: Option<Format>,
    /// What compatible means.
    pub rules: Rules,
    /// Warnings fail, too.
    pub strict: bool,
    /// Folders whose files schemas may refer to.
    pub include: Vec<PathBuf>,
    /// No older version is fine: the schema is new.
    pub allow_first: bool,
    /// What schemas may cost.
    pub limits: Limits,
}

impl std::str::FromStr for Old {
    type Err = String;

    /// `git:REVISION:PATH`, or a path.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix("git:") else {
            return if text.is_empty() { Err("an empty path is nothing to compare with".to_owned()) } else { Ok(Self::Path(text.into())) };
        };
        match rest.split_once(':') {
            // A revision with a dash would be an option to git.
            Some((revision, path)) if !revision.is_empty() && !path.is_empty() && !revision.starts_with('-') => {
                Ok(Self::Git { revision: revision.to_owned(), path: path.to_owned() })
            }
            _ => Err(format!("`{}` is not git:REVISION:PATH, as git:main:schemas/order.avsc", shown(text))),
        }
    }
}

impl std::fmt::Display for Old {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(formatter),
            Self::Git { revision, path } => write!(formatter, "git:{revision}:{path}"),
            Self::Versions { name, .. } => shown(name).fmt(formatter),
        }
    }
}
