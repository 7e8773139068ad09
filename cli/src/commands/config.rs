//! `onceward config check|schema`.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use onceward::config::{json_schema, raw};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Report};
use crate::source::{Needs, Source};

const SCHEMA: &str = "\
Examples:
  onceward config schema > onceward.schema.json
";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration without connecting to anything; every problem at once
    Check(CheckArgs),
    /// Print the JSON Schema of the configuration
    #[command(after_help = SCHEMA)]
    Schema,
}

const EXAMPLES: &str = "\
Examples:
  onceward config check --config prod.toml
  ONCEWARD_GROUP=billing onceward config check --print
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// Print the effective configuration as TOML: every default filled in, secrets masked
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    file: Option<String>,
    /// Every default filled in, secrets masked.
    settings: raw::Config,
    #[serde(skip)]
    print: bool,
}

impl Report for Checked {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.print {
            return to.write_all(self.settings.to_toml().as_bytes());
        }
        let what = self.file.as_deref().unwrap_or("the configuration");
        writeln!(to, "{} is complete and makes sense", output::visible(what))
    }
}

pub(crate) fn run(command: &ConfigCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        ConfigCommand::Check(args) => {
            let settings = args.source.load(Needs::Everything)?;
            let file = args.source.file().map(|file| file.display().to_string());
            output::show(&Checked { ok: true, file, settings: settings.effective().masked(), print: args.print }, json)?;
        }
        ConfigCommand::Schema => output::json(json_schema())?,
    }
    Ok(ExitCode::SUCCESS)
}
