//! What both commands ask for.

use std::path::PathBuf;

use clap::Args;
use onceward_schema::check::{Old, Request};
use onceward_schema::{Format, Level, Limits, Rules};

use super::registry::{RegistryArgs, Subject};
use crate::exit::Failure;

/// Two sides of a change.
#[derive(Debug, Args)]
pub(super) struct Sides {
    /// The older side: a file, a folder with one file for each version, git:REVISION:PATH, or with --registry a subject
    #[arg(long, value_name = "PATH|git:REVISION:PATH|SUBJECT")]
    old: String,
    #[command(flatten)]
    registry: RegistryArgs,
    /// The new schema
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
    /// avro, json or protobuf [default: by the name, .avsc, .json or .proto]
    #[arg(long = "type", value_name = "TYPE")]
    language: Option<Format>,
    /// A folder whose schemas may be referred to or imported; may be repeated
    #[arg(long, value_name = "FOLDER")]
    include: Vec<PathBuf>,
    /// No older version is fine: the schema is new
    #[arg(long)]
    allow_first: bool,
}

impl Sides {
    /// What is to be checked. No level means the one that the registry keeps for the subject.
    pub(super) fn request(&self, level: Option<Level>, rules: Rules, strict: bool) -> Result<Request, Failure> {
        let (old, format, level) = match (self.registry.connect()?, level) {
            (Some(registry), level) => {
                let Subject { versions, format, level } = Subject::ask(&registry, &self.old, level)?;
                (Old::Versions { name: format!("subject {} of {}", self.old, registry.url()), versions }, format, level)
            }
            (None, Some(level)) => (self.old.parse().map_err(Failure::Usage)?, None, level),
            (None, None) => {
                return Err(Failure::Usage("--level SUBJECT is the level that a registry keeps; say --registry URL".to_owned()));
            }
        };
        if let (Some(said), Some(found)) = (self.language, format)
            && said != found
        {
            return Err(Failure::Usage(format!("--type says {}, and {} is written in {}", said.name(), self.old, found.name())));
        }
        Ok(Request {
            old,
            new: self.new.clone(),
            format: self.language.or(format),
            rules: Rules { level, ..rules },
            strict,
            include: self.include.clone(),
            allow_first: self.allow_first,
            limits: Limits::default(),
        })
    }
}
