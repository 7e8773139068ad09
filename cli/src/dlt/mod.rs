//! `onceward dlt list|show|export`: dead letters.

mod bytes;
mod export;
mod json_text;
mod letter;
mod list;
mod place;
mod show;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

pub(crate) use place::client;

use crate::exit::Failure;
use crate::source::Source;

#[derive(Debug, Subcommand)]
pub(crate) enum DltCommand {
    /// What failed, one line for each cause
    List(list::ListArgs),
    /// One letter: why it was given up, its headers, its payload
    Show(show::ShowArgs),
    /// Letters as JSON lines, bytes as they are
    Export(export::ExportArgs),
}

/// Which letters.
#[derive(Clone, Debug, Args)]
pub(crate) struct Where {
    /// Only letters of this source topic; may be repeated [default: all topics that have a dead-letter topic of the group]
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// How long brokers may be silent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) source: Source,
}

/// Which of them.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Filter {
    /// Only letters with this fingerprint (or the beginning of it)
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Only letters with this reason: exhausted, rejected, undecodable, invalid, crashed, held-behind, conflict
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Only letters of this key
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
}

impl Where {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

impl Filter {
    fn admits(&self, letter: &letter::StoredLetter) -> bool {
        let told = &letter.letter;
        self.fingerprint.as_ref().is_none_or(|wanted| told.fingerprint.as_ref().is_some_and(|found| found.starts_with(wanted.as_str())))
            && self.reason.as_ref().is_none_or(|wanted| told.reason.as_ref() == Some(wanted))
            && self.key.as_ref().is_none_or(|wanted| letter.key.as_deref() == Some(wanted.as_bytes()))
    }
}

pub(crate) fn run(command: &DltCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        DltCommand::List(args) => list::run(args, json),
        DltCommand::Show(args) => show::run(args, json),
        DltCommand::Export(args) => export::run(args),
    }
}
