//! `onceward inbox stats|forget|prune|backup|ddl`: what is remembered as handled.

mod backup;
mod ddl;
mod forget;
mod marks;
mod prune;
mod stats;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use onceward::config::{InboxPlace, Settings};

use crate::exit::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum InboxCommand {
    /// Marks, segments, time buckets, positions, size; reads only, also beside a running consumer
    Stats(stats::StatsArgs),
    /// Forget that events were handled, so that they are handled again; a dry run until --yes
    Forget(forget::ForgetArgs),
    /// Drop marks that are older than the retention now, and make the file smaller; a dry run until --yes
    Prune(prune::PruneArgs),
    /// Copy the inbox as it is at one moment, also beside a running consumer; the copy is checked
    Backup(backup::BackupArgs),
    /// The tables as SQL
    Ddl(ddl::DdlArgs),
}

pub(crate) fn run(command: &InboxCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        InboxCommand::Stats(args) => stats::run(args, json),
        InboxCommand::Forget(args) => forget::run(args, json),
        InboxCommand::Prune(args) => prune::run(args, json),
        InboxCommand::Backup(args) => backup::run(args, json),
        InboxCommand::Ddl(args) => ddl::run(args, json),
    }
}

/// The inbox's file, which must be there.
fn file(settings: &Settings) -> Result<PathBuf, Failure> {
    if let InboxPlace::Postgres(address) = &settings.inbox {
        let hint = "ask the database itself: the tables are plain (see `onceward inbox ddl --dialect postgres`)";
        return Err(Failure::Usage(format!("{address}: this command reads SQLite files only; {hint}")));
    }
    let InboxPlace::Sqlite(path) = &settings.inbox else {
        return Err(Failure::Usage("a memory inbox lives in the consumer's process and can't be looked at from here".to_owned()));
    };
    // SQLite would say "unable to open database file" to a wrong name.
    if !path.exists() {
        let hint = "the consumer makes it at its first start; is `inbox` relative to another folder?";
        return Err(Failure::NotFound(format!("{} does not exist; {hint}", path.display())));
    }
    Ok(path.clone())
}
