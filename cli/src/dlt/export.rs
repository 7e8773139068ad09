//! `onceward dlt export`: letters as JSON lines, every byte kept.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Where;
use super::filter::Filter;
use super::letter::StoredLetter;
use super::place::Letters;
use super::standing::{Standing, Visit};
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
    /// Settled letters and copies that the ledger does not know, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Where,
}

fn line(to: &mut dyn Write, letter: &StoredLetter, standing: Standing) -> io::Result<()> {
    serde_json::to_writer(&mut *to, &letter.document(standing))?;
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
    let mut visit = Visit::new(&letters, &args.filter, args.all);
    for shelf in &letters.shelves {
        let ledger = letters.ledger(shelf)?;
        visit.shelf(shelf, ledger.as_ref(), |stored, letter| {
            written = line(&mut to, &stored, Standing::of(shelf, letters.group(), ledger.as_ref(), letter));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if written.is_err() {
            break;
        }
    }
    written.and_then(|()| to.flush())?;
    Ok(ExitCode::SUCCESS)
}
