//! `cargo xtask`: the one door for people who work here. Everything that a fresh machine needs is installed, fetched or named by it.
//!
//! This crate compiles before everything else, so it stays light: no Kafka client, no SQLite, no async.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on stdout and stderr")]

mod delegate;
mod failure;
mod flights;
mod kafka;
mod parts;
mod place;
mod prerequisites;
mod process;
mod registry;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Outcome;
use place::Place;

/// The one door for people who work on Onceward.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fetch what is missing, check everything, start a real Kafka and run every test; ends with `N passed, N failed`.
    Test(test::Options),
    /// Build the Python package, check its types and run its tests; nothing else.
    Python(test::PythonOptions),
    /// Build, check and test the npm packages only, with the broker of ONCEWARD_TEST_BROKERS if it is set.
    Node {
        /// Only tests whose names match one of these.
        filters: Vec<String>,
        /// A thousand starts and five million events, with a broker: some ten minutes more.
        #[arg(long)]
        long: bool,
    },
    /// Build and test the Maven modules only, with the broker of ONCEWARD_TEST_BROKERS, or with ours.
    Kotlin {
        /// Only test classes whose names contain one of these.
        filters: Vec<String>,
        /// Five million events, with a broker: some minutes more.
        #[arg(long)]
        long: bool,
    },
    /// Check the house rules: file sizes, dependency arrows, generated files, no build machine's paths, the README's two commands.
    Tidy,
    /// Start the real schema registry that tests use, print its address for ONCEWARD_TEST_REGISTRY, and keep it until Ctrl-C.
    Registry,
    /// Start, stop or show the real Kafka that tests and benchmarks use.
    Kafka(kafka::Options),
    /// Write `examples/flights/2013-01.csv` again from its source and compare.
    Flights(flights::Options),
    /// Run the benchmarks (release build); arguments go to them.
    Bench(delegate::Arguments),
    /// Run the simulation with other seeds than CI does.
    Simulate(delegate::Simulate),
    /// Run the kill campaign over all flights with more kills than CI does.
    Faults(delegate::Faults),
}

fn run() -> Outcome<ExitCode> {
    let place = Place::find()?;
    match Arguments::parse().command {
        Command::Test(options) => test::run(&place, &options),
        Command::Python(options) => test::python_only(&place, &options),
        Command::Node { filters, long } => Ok(test::node::only(&place, &filters, long)),
        Command::Kotlin { filters, long } => test::kotlin::only(&place, &filters, long),
        Command::Tidy => tidy::command(&place),
        Command::Registry => registry::serve(&place),
        Command::Kafka(options) => kafka::command(&place, &options),
        Command::Flights(options) => flights::command(&place, &options),
        Command::Bench(arguments) => delegate::bench(&place, &arguments),
        Command::Simulate(options) => delegate::simulate(&place, &options),
        Command::Faults(options) => delegate::faults(&place, &options),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}
