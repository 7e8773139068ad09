//! `onceward schema …`: schemas as contracts, checked before they ship. What is compared and how stands in `onceward-schema`.

mod args;
mod check;
mod diff;
mod letters;
mod registry;

use std::process::ExitCode;

use clap::Subcommand;
use onceward_schema::SchemaErrorKind;
use onceward_schema::check::CheckError;

use crate::exit::Failure;

const CHECK: &str = "\
Examples:
  onceward schema check --old git:main:schemas/order.avsc --new schemas/order.avsc
  onceward schema check --old schemas/order/ --new schemas/order/v7.avsc --level FULL_TRANSITIVE
  onceward schema check --old git:main:order.proto --new order.proto --include proto --strict
  onceward schema check --old v1.json --new v2.json --format github
  onceward schema check --registry https://registry:8081 --level SUBJECT \\
      --old orders-value --new order.avsc
";

const LETTERS: &str = "\
Examples:
  onceward schema letters --new schemas/order.json --topic orders
  onceward schema letters --new order.avsc --topic orders --registry https://registry:8081
";

const DIFF: &str = "\
Examples:
  onceward schema diff --old git:main:schemas/order.avsc --new schemas/order.avsc
";

#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Would this change break anybody? Exit code 1: yes. Every difference comes with its cure
    #[command(after_help = CHECK)]
    Check(check::CheckArgs),
    /// Would the dead letters that are open be readable with this schema? Exit code 1: not all of them
    #[command(after_help = LETTERS)]
    Letters(letters::LettersArgs),
    /// What changed, as a person reads it; judges nothing, exit code 0
    #[command(after_help = DIFF)]
    Diff(diff::DiffArgs),
}

pub(crate) fn run(command: &SchemaCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        SchemaCommand::Check(args) => check::run(args, json),
        SchemaCommand::Letters(args) => letters::run(args, json),
        SchemaCommand::Diff(args) => diff::run(args, json),
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Usage(text) => Self::Usage(text),
            CheckError::Schema(error) if error.kind == SchemaErrorKind::MissingReference => {
                Self::Unchecked(format!("{error} (--include FOLDER)"))
            }
            other => Self::Unchecked(other.to_string()),
        }
    }
}
