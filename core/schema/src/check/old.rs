//! Older versions, wherever they are.

use super::error::CheckError;
use super::files::{self, Text};
use super::git::Revision;
use super::kind::Like;
use super::request::{Old, Request};
use crate::source::{Reference, Source};

impl Request {
    /// Every older version, the oldest first.
    pub(super) fn versions(&self, like: &Like<'_>) -> Result<Vec<Source>, CheckError> {
        let (texts, references) = match &self.old {
            Old::Path(path) => (self.on_disk(path, like)?, files::references(&self.include, like, path, &self.limits)?),
            Old::Git { revision, path } => self.in_git(&Revision { name: revision }, path, like)?,
            Old::Versions { versions, .. } => return Ok(versions.clone()),
        };
        Ok(texts.into_iter().map(|Text { name, text }| Source { name, text, references: references.clone() }).collect())
    }

    /// What the latest version refers to: a new schema mostly refers to the same.
    pub(super) fn latest_references(&self) -> &[Reference] {
        match &self.old {
            Old::Versions { versions, .. } => versions.last().map_or(&[], |latest| &latest.references),
            Old::Path(_) | Old::Git { .. } => &[],
        }
    }

    fn on_disk(&self, path: &std::path::Path, like: &Like<'_>) -> Result<Vec<Text>, CheckError> {
        if !path.exists() {
            return Ok(Vec::new());
        }
        let paths = if path.is_dir() { files::versions(path, like, &self.new)? } else { vec![path.to_owned()] };
        paths.iter().map(|path| Ok(Text { name: path.display().to_string(), text: files::read(path, &self.limits)? })).collect()
    }

    fn in_git(&self, revision: &Revision<'_>, path: &str, like: &Like<'_>) -> Result<(Vec<Text>, Vec<Reference>), CheckError> {
        revision.is_there()?;
        let texts = match revision.kind(path)?.as_deref() {
            Some("tree") => revision.versions(path, like, &self.limits)?,
            Some(_) => vec![revision.file(path, &self.limits)?],
            None => Vec::new(),
        };
        let mut references = Vec::new();
        for folder in &self.include {
            references.extend(revision.references(folder, like, &self.limits)?);
        }
        Ok((texts, references))
    }
}
