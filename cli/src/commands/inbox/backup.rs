//! `onceward inbox backup FILE`: a copy as of one moment.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use onceward::inbox::{InboxReport, backup};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Progress, Report, rounded, visible};
use crate::source::{Needs, Source};

const EXAMPLES: &str = "\
Examples:
  onceward inbox backup /backup/billing-2026-11-17.db
  onceward inbox backup before-upgrade.db --inbox sqlite:billing.db

The whole database is copied, your own tables too. Beside a busy consumer its write-ahead log
grows until the copy is done.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BackupArgs {
    /// Where to; never replaces a file
    file: PathBuf,
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Copied {
    path: String,
    /// The copy, as it was found when it was opened.
    copy: InboxReport,
}

pub(super) fn run(args: &BackupArgs, json: bool) -> Result<ExitCode, Failure> {
    let path = super::file(&args.source.load(Needs::Inbox)?)?;
    let progress = Progress::new("copying");
    let copy = backup(&path, &args.file, |done, total| progress.at(done, total))?;
    drop(progress);
    output::show(&Copied { path: path.display().to_string(), copy }, json)?;
    Ok(ExitCode::SUCCESS)
}

impl Report for Copied {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        let InboxReport { path, version, file_bytes, marks, .. } = &self.copy;
        writeln!(to, "{} is a checked copy of {}", visible(path), visible(&self.path))?;
        writeln!(to, "version {version}, {marks} marks, {}", rounded(*file_bytes))
    }
}
