//! Reading schemas from a revision of a git repository, through the `git` command.

use std::path::Path;
use std::process::Command;

use super::error::CheckError;
use super::files::Text;
use super::kind::Like;
use super::natural;
use crate::limits::Limits;
use crate::source::Reference;

/// A revision of the repository around the current folder.
pub(super) struct Revision<'a> {
    pub(super) name: &'a str,
}

impl Revision<'_> {
    /// Complains if there is no repository or no such revision: that a file is not in it would mean nothing then.
    pub(super) fn is_there(&self) -> Result<(), CheckError> {
        let commit = format!("{}^{{commit}}", self.name);
        self.git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?.map(|_| ()).ok_or_else(|| {
            CheckError::Unreadable(format!("git knows no revision `{}`; fetch it first (in CI: a checkout with its history)", self.name))
        })
    }

    /// `blob`, `tree`, or nothing.
    pub(super) fn kind(&self, path: &str) -> Result<Option<String>, CheckError> {
        Ok(self.git(&["cat-file", "-t", &self.at(path)])?.map(|kind| kind.trim().to_owned()))
    }

    pub(super) fn file(&self, path: &str, limits: &Limits) -> Result<Text, CheckError> {
        let name = format!("git:{}", self.at(path));
        let size = self.git(&["cat-file", "-s", &self.at(path)])?.and_then(|size| size.trim().parse::<usize>().ok()).unwrap_or(usize::MAX);
        if size > limits.bytes {
            return Err(CheckError::Unreadable(format!("{name} can't be read, or has more than {} bytes", limits.bytes)));
        }
        let text = self.git(&["cat-file", "blob", &self.at(path)])?;
        text.map(|text| Text { name: name.clone(), text }).ok_or_else(|| CheckError::Unreadable(format!("{name} can't be read")))
    }

    /// The files of a folder, the oldest version first.
    pub(super) fn versions(&self, folder: &str, like: &Like<'_>, limits: &Limits) -> Result<Vec<Text>, CheckError> {
        let listed = self.git(&["ls-tree", "-z", "--name-only", &self.at(folder)])?.unwrap_or_default();
        let mut names: Vec<&str> = listed.split('\0').filter(|name| like.is(name)).collect();
        names.sort_by(|left, right| natural::order(left, right));
        names.into_iter().map(|name| self.file(&format!("{}/{name}", folder.trim_end_matches('/')), limits)).collect()
    }

    /// Everything below a folder of the working tree, as it was in the revision.
    pub(super) fn references(&self, folder: &Path, like: &Like<'_>, limits: &Limits) -> Result<Vec<Reference>, CheckError> {
        let Some(folder) = folder.to_str() else {
            return Err(CheckError::Usage(format!("{} is no path that git can be asked for", folder.display())));
        };
        let place = if folder == "." { "./".to_owned() } else { format!("./{}", folder.trim_end_matches('/')) };
        let listed = self.git(&["ls-tree", "-r", "-z", "--name-only", &self.at(&place)])?.unwrap_or_default();
        let names = listed.split('\0').filter(|name| like.is(name)).take(limits.references.saturating_add(1));
        names
            .map(|name| {
                let text = self.file(&format!("{}/{name}", place.trim_end_matches('/')), limits)?.text;
                Ok(Reference { name: like.reference(name, &text), text })
            })
            .collect()
    }

    fn at(&self, path: &str) -> String {
        format!("{}:{path}", self.name)
    }

    /// What git answers; nothing if it says that there is none.
    fn git(&self, arguments: &[&str]) -> Result<Option<String>, CheckError> {
        let output = Command::new("git")
            .args(arguments)
            // Neither a pager nor a question: nobody is there to answer.
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .output()
            .map_err(|error| CheckError::Unreadable(format!("git can't be run: {error}; install it, or compare with a file")))?;
        if output.status.success() {
            let text = String::from_utf8(output.stdout);
            return text.map(Some).map_err(|_| CheckError::Unreadable(format!("git {}: the answer is no UTF-8", arguments.join(" "))));
        }
        let says = String::from_utf8_lossy(&output.stderr);
        if says.contains("not a git repository") {
            return Err(CheckError::Unreadable("there is no git repository around the current folder".to_owned()));
        }
        Ok(None)
    }
}
