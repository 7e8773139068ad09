//! `onceward dlt export`: letters as JSON lines, every byte kept.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::letter::StoredLetter;
use super::place::Letters;
use super::{Filter, Where};
use crate::exit::Failure;

const EXAMPLES: &str = "\
Examples:
  onceward dlt export -o letters.jsonl
  onceward dlt export --key c1 | jq -r '.value.utf8'
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    /// Write here instead of to stdout; an existing file is not replaced
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

fn line(to: &mut dyn Write, letter: &StoredLetter) -> io::Result<()> {
    serde_json::to_writer(&mut *to, &letter.document())?;
    to.write_all(b"\n")
}

pub(crate) fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let letters = Letters::find(&args.place)?;
    let mut to: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(BufWriter::new(File::create_new(path).map_err(|error| {
            Failure::Usage(format!("{} can't be created: {error}; name a file that does not exist yet", path.display()))
        })?)),
        None => Box::new(BufWriter::new(io::stdout().lock())),
    };
    let mut written = Ok(());
    letters.each(|letter| {
        if args.filter.admits(&letter) {
            written = line(&mut to, &letter);
        }
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    written.and_then(|()| to.flush())?;
    Ok(ExitCode::SUCCESS)
}
