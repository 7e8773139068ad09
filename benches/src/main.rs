//! `cargo xtask bench`: rows and rivals in one run, against the same broker and topics, interleaved, each row a process of its own.
//!
//! A row takes its work from the environment and prints one JSON line, so that any program can be a row (`benches/peers/README.md`).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on stdout and stderr")]

mod engine;
mod env;
mod fill;
mod plan;
mod prep;
mod report;
mod rows;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A result whose error is shown to a person.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Prepare the topics once and run the rows, interleaved; prints the table and writes JSON.
    Run(run::Options),
    /// One row; its work comes from the environment.
    Row {
        /// Which one, see `plan.rs`.
        name: String,
    },
    /// Write a topic's records.
    Prep {
        /// The topic.
        topic: String,
        /// Records.
        count: u64,
        /// Failing records per thousand.
        #[arg(long, default_value_t = 0)]
        poison: u64,
        /// Copies per thousand.
        #[arg(long, default_value_t = 0)]
        copies: u64,
        /// Records per second; 0: as fast as possible.
        #[arg(long, default_value_t = 0)]
        rate: u64,
        /// How many keys fail, instead of single records.
        #[arg(long, default_value_t = 0)]
        poison_keys: u64,
        /// How many keys there are.
        #[arg(long, default_value_t = 10_000)]
        keys: u64,
    },
    /// An inbox with random ids, to start rows from.
    Fill {
        /// The file.
        file: std::path::PathBuf,
        /// Ids.
        count: u64,
    },
    /// The engine alone: events per second at several numbers of keys.
    Engine {
        /// Events per measurement.
        #[arg(long, default_value_t = 2_000_000)]
        events: u64,
        /// Only this number of keys (for callgrind).
        #[arg(long)]
        keys: Option<u64>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Row { name } => rows::run(&name),
        Command::Prep { topic, count, poison, copies, rate, poison_keys, keys } => {
            prep::prepare(&prep::Topic { name: topic, count, poison, copies, rate, poison_keys, keys })
        }
        Command::Fill { file, count } => fill::inbox(&file, count),
        Command::Engine { events, keys } => {
            engine::run(events, keys);
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
