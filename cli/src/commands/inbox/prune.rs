//! `onceward inbox prune`: what a running consumer would expire by itself, now; and a smaller file.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use onceward::config::format_duration;
use onceward::inbox::{Expired, Upkeep, prune};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Report, rfc3339, rounded, visible};
use crate::source::{Needs, Source};

const EXAMPLES: &str = "\
Examples:
  onceward inbox prune                              what has expired
  onceward inbox prune --yes                        drop it
  ONCEWARD_RETENTION=1d onceward inbox prune --yes  a shorter retention was decided

The file shrinks only while nobody else has it open, and needs room for a second copy meanwhile.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PruneArgs {
    /// Do it; without this, only count
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Answer {
    done: bool,
    path: String,
    /// As it is configured.
    retention: String,
    #[serde(flatten)]
    expired: Expired,
    file_bytes: u64,
    file_bytes_after: Option<u64>,
    /// Why the file did not shrink.
    kept: Option<String>,
}

pub(super) fn run(args: &PruneArgs, json: bool) -> Result<ExitCode, Failure> {
    let settings = args.source.load(Needs::Inbox)?;
    let path = super::file(&settings)?;
    let retention = format_duration(settings.retention);
    let path_name = path.display().to_string();
    let answer = if args.yes {
        let pruned = prune(&path, settings.retention)?;
        let (before, after) = pruned.bytes;
        Answer {
            done: true,
            path: path_name,
            retention,
            expired: pruned.expired,
            file_bytes: before,
            file_bytes_after: Some(after),
            kept: pruned.kept,
        }
    } else {
        let expired = Upkeep::looking(&path)?.expired(settings.retention)?;
        let file_bytes = onceward::inbox::inspect(&path)?.file_bytes;
        Answer { done: false, path: path_name, retention, expired, file_bytes, file_bytes_after: None, kept: None }
    };
    output::show(&answer, json)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Answer {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let Self { done, path, retention, expired, file_bytes, file_bytes_after, kept } = self;
        let (path, until) = (visible(path), rfc3339(expired.until_ms));
        if !done {
            writeln!(to, "dry run, nothing was changed: {path}, {}", rounded(*file_bytes))?;
            writeln!(to, "{} marks are older than the retention of {retention} (until {until})", expired.marks)?;
            writeln!(to, "{} of it are free pages already", rounded(expired.free_bytes))?;
            return writeln!(to, "\nto do it, run the same with --yes; the consumers may run, but then the file keeps its size");
        }
        writeln!(to, "{path}: {} marks older than {retention} (until {until}) are gone", expired.marks)?;
        writeln!(to, "{} before, {} now", rounded(*file_bytes), rounded(file_bytes_after.unwrap_or(*file_bytes)))?;
        if let Some(why) = kept {
            writeln!(to, "\nfree pages stay in the file and are used again: {}", visible(why))?;
        }
        Ok(())
    }
}
