//! `onceward man`: the manual pages, made from what can be typed.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use serde::Serialize;

use crate::args::Cli;
use crate::exit::Failure;
use crate::output::{self, Report, visible};

const EXAMPLES: &str = "\
Examples:
  onceward man | man -l -                        the page of the program
  onceward man inbox forget | man -l -           the page of one command
  onceward man --to /usr/local/share/man/man1    all of them
";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// The page of this command, as `inbox forget` [default: of the program]
    #[arg(value_name = "COMMAND", conflicts_with = "to")]
    command: Vec<String>,
    /// Write all pages into this folder, as onceward.1, onceward-inbox-forget.1, …; earlier ones are replaced
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    folder: String,
    pages: Vec<String>,
}

impl Report for Written {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "{} pages in {}", self.pages.len(), visible(&self.folder))
    }
}

pub(crate) fn run(args: &ManArgs, json: bool) -> Result<ExitCode, Failure> {
    // Names, versions and global flags of commands are filled in only when the tree is built.
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    if let Some(folder) = &args.to {
        let mut pages = Vec::new();
        write_all(&program, folder, &mut pages)?;
        output::show(&Written { folder: folder.display().to_string(), pages }, json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = &program;
    for name in &args.command {
        command = command.find_subcommand(name).ok_or_else(|| {
            let known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::Usage(format!("{} has no command {name:?}; it has: {known}", command.get_bin_name().unwrap_or("onceward")))
        })?;
    }
    io::stdout().lock().write_all(&page(command)?)?;
    Ok(ExitCode::SUCCESS)
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let source = format!("onceward {}", env!("CARGO_PKG_VERSION"));
    // The date of a build would make each build another page.
    Man::new(command.clone()).title(name.to_uppercase()).date("").source(source).manual("Onceward").render(&mut page)?;
    // What stands below the help is examples first, which roff must not fill.
    let text = String::from_utf8_lossy(&page);
    Ok(text.replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.nf\n").replace(".SH EXTRA\n", ".SH NOTES\n.nf\n").into_bytes())
}

fn write_all(command: &Command, folder: &Path, pages: &mut Vec<String>) -> Result<(), Failure> {
    let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
    let file = folder.join(&name);
    let page = page(command)?;
    let written = OpenOptions::new().write(true).create(true).truncate(true).open(&file).and_then(|mut file| file.write_all(&page));
    written
        .map_err(|error| Failure::Usage(format!("{} can't be written: {error}; name a folder that exists with --to", file.display())))?;
    pages.push(name);
    command.get_subcommands().try_for_each(|below| write_all(below, folder, pages))
}
