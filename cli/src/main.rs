//! The `onceward` command.
//!
//! Every command computes a report and then shows it, as text or (`--json`) as one stable document; data goes to stdout, messages and
//! progress to stderr. Exit codes: see [`exit`].

mod args;
mod commands;
mod demo;
mod dlt;
mod doctor;
mod exit;
mod output;
mod schema;
mod source;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Cli::parse();
    let json = args.json;
    match commands::run(args) {
        Ok(code) => code,
        Err(failure) => failure.report(json),
    }
}
