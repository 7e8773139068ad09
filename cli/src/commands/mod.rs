//! From what was typed to what is done.

pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod inbox;
pub(crate) mod man;
pub(crate) mod topics;

use std::process::ExitCode;

use crate::args::{Cli, Command};
use crate::exit::Failure;
use crate::{demo, dlt, doctor, schema};

/// Runs a command.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let json = cli.json;
    match cli.command {
        Command::Demo(args) => Ok(demo::run(demo::DemoArgs { json, ..args })),
        Command::Doctor(args) => doctor::run(&args, json),
        Command::Topics(command) => topics::run(&command, json),
        Command::Dlt(command) => dlt::run(&command, json),
        Command::Held(args) => dlt::held::run(&args, json),
        Command::Inbox(command) => inbox::run(&command, json),
        Command::Schema(command) => schema::run(&command, json),
        Command::Config(command) => config::run(&command, json),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args, json),
    }
}
