//! The answer.

use std::path::Path;

use serde::Serialize;

use super::error::CheckError;
use super::files;
use super::kind::Like;
use super::request::Request;
use crate::difference::{Difference, Verdict};
use crate::format::Format;
use crate::judge::{compare, worst};
use crate::level::Level;
use crate::rules::Rules;
use crate::schema::Schema;
use crate::source::Source;

/// What a check came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether the change may go out.
    pub passed: bool,
    /// The worst of all differences.
    pub verdict: Verdict,
    /// Whether warnings count.
    pub strict: bool,
    /// By which rules.
    #[serde(flatten)]
    pub rules: Rules,
    /// What language the schemas are written in.
    pub format: Format,
    /// The new schema.
    pub new: String,
    /// Older versions, the newest first; those that the level asks for.
    pub compared: Vec<Compared>,
    /// What should be known beside the verdict.
    pub notes: Vec<String>,
    #[serde(skip)]
    pub(super) text: String,
}

/// One older version.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// The older version.
    pub old: String,
    /// What differs, worst first.
    pub differences: Vec<Difference>,
}

impl Request {
    /// Reads everything, compares, judges.
    ///
    /// # Errors
    /// Something can't be read, is no schema, or there is no older version (unless that is allowed).
    pub fn check(&self) -> Result<Report, CheckError> {
        let text = files::read(&self.new, &self.limits)?;
        let new = self.new.display().to_string();
        let Some(format) = self.format.or_else(|| Format::guess(&new, &text)) else {
            return Err(CheckError::Usage(format!("the name {new} does not tell the format; say --type avro, json or protobuf")));
        };
        let like = Like::new(format, &self.new);
        let mut references = files::references(&self.include, &like, Path::new(&self.new), &self.limits)?;
        for reference in self.latest_references() {
            // What is handed in goes before what the registry has.
            if references.iter().all(|own| own.name != reference.name) {
                references.push(reference.clone());
            }
        }
        let source = Source { name: new.clone(), text, references };
        let schema = Schema::parse(format, &source, &self.limits)?;
        let mut versions = self.versions(&like)?;
        versions.reverse();
        let mut notes = Vec::new();
        if versions.is_empty() {
            let problem = format!("{} holds no older version ({})", self.old, format.name());
            if !self.allow_first {
                return Err(CheckError::NoOldVersion(format!("{problem}; if this is the first one, say --allow-first")));
            }
            notes.push(format!("{problem}: this is the first one"));
        }
        if self.rules.level == Level::None {
            notes.push("the level is NONE: nothing was checked".to_owned());
        }
        if !self.rules.level.is_transitive() {
            versions.truncate(1);
        }
        let mut compared = Vec::new();
        for version in versions {
            let old = Schema::parse(format, &version, &self.limits)?;
            compared.push(Compared { old: version.name, differences: compare(&old, &schema, &self.rules, &self.limits)? });
        }
        let verdict = compared.iter().map(|one| worst(&one.differences)).max().unwrap_or(Verdict::Fine);
        let passed = verdict < if self.strict { Verdict::Warning } else { Verdict::Breaking };
        Ok(Report { passed, verdict, strict: self.strict, rules: self.rules, format, new, compared, notes, text: source.text })
    }
}
