//! `onceward schema diff`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use onceward_schema::{Level, Rules};

use super::args::Sides;
use crate::exit::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    #[command(flatten)]
    sides: Sides,
}

pub(super) fn run(args: &DiffArgs, json: bool) -> Result<ExitCode, Failure> {
    let report = args.sides.request(Some(Level::Contract), Rules::new(Level::Contract), false)?.check()?;
    if json {
        output::json(&report)?;
    } else {
        let mut stdout = io::stdout().lock();
        report.write_diff(&mut stdout)?;
        stdout.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
