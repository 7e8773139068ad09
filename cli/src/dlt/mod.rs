//! `onceward dlt …` and `onceward held`: dead letters, and what is done about them.
//!
//! | file | is |
//! |---|---|
//! | `place` | where letters lie: dead-letter topics, ledgers |
//! | `standing` | a letter's record, joined with what the ledger says of it |
//! | `filter` | which letters are meant |
//! | `list`, `groups`, `show`, `export` | looking at them |
//! | `order`, `plan`, `wait` | replay, discard and stop: chosen, asked for, awaited |
//! | `dry_run` | a replay tried on a service that keeps nothing of it |
//! | `readable` | letters for `schema letters` |
//! | `republish`, `held` | copying them elsewhere; keys that wait |

mod bytes;
mod dry_run;
mod export;
mod filter;
mod groups;
pub(crate) mod held;
mod json_text;
mod letter;
mod list;
mod order;
mod place;
mod plan;
pub(crate) mod readable;
mod republish;
mod show;
mod standing;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

pub(crate) use letter::StoredLetter;
pub(crate) use place::client;

use crate::exit::Failure;
use crate::source::Source;

#[derive(Debug, Subcommand)]
pub(crate) enum DltCommand {
    /// What failed and is not settled, one line for each cause
    List(list::ListArgs),
    /// One letter: why it was given up, how it stands, its headers, its payload
    Show(show::ShowArgs),
    /// Have letters handled again, by this group only and in order per key; a dry run until --yes
    Replay(order::ReplayArgs),
    /// Settle letters unhandled; a dry run until --yes
    Discard(order::DiscardArgs),
    /// Take replays and discards back that nobody has begun; a dry run until --yes
    Stop(order::StopArgs),
    /// Copy letters to a topic, byte for byte; a dry run until --yes
    Republish(republish::RepublishArgs),
    /// Letters as JSON lines, bytes as they are
    Export(export::ExportArgs),
}

/// Which letters.
#[derive(Clone, Debug, Args)]
pub(crate) struct Where {
    /// Only letters of this source topic; may be repeated [default: all topics that have a dead-letter topic of the group]
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// A dead-letter topic by its own name, as another stack calls it; may be repeated
    #[arg(long, value_name = "TOPIC")]
    pub(crate) dead_letters: Vec<String>,
    /// How long brokers may be silent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) timeout: u64,
    #[command(flatten)]
    pub(crate) source: Source,
}

impl Where {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

pub(crate) fn run(command: &DltCommand, json: bool) -> Result<ExitCode, Failure> {
    match command {
        DltCommand::List(args) => list::run(args, json),
        DltCommand::Show(args) => show::run(args, json),
        DltCommand::Replay(args) => order::replay(args, json),
        DltCommand::Discard(args) => order::discard(args, json),
        DltCommand::Stop(args) => order::stop(args, json),
        DltCommand::Republish(args) => republish::run(args, json),
        DltCommand::Export(args) => export::run(args),
    }
}
