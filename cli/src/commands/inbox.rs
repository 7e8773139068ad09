//! `onceward inbox stats`: what is remembered as handled.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::exit::Failure;
use crate::source::Source;

#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// Marks, segments, time buckets, positions, size; reads only
    Stats(StatsArgs),
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    source: Source,
}

pub(crate) fn run(command: &InboxCommand, json: bool) -> Result<ExitCode, Failure> {
    let InboxCommand::Stats(args) = command;
    let _settings = args.source.load(crate::source::Needs::Inbox)?;
    let _ = json;
    Err(Failure::Usage("not there yet".to_owned()))
}
