//! Commands that other crates of the workspace carry out; this is only their front door.

use std::process::{Command, ExitCode};

use clap::Args;

use crate::failure::Outcome;
use crate::kafka;
use crate::place::Place;
use crate::process;
use crate::test;

/// What follows the name.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Handed over as they are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// How much to simulate.
#[derive(Args)]
pub(crate) struct Simulate {
    /// How many worlds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    #[command(flatten)]
    more: Arguments,
}

/// How hard to hit.
#[derive(Args)]
pub(crate) struct Faults {
    /// How many times the consumer is killed while all flights go through it.
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Decides where the kills fall.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// For how many seconds what the handlers call is away.
    #[arg(long, default_value_t = 60)]
    outage: u64,
}

/// The benchmarks measure what people run, so they get the release profile, and a real broker on the same machine.
pub(crate) fn bench(place: &Place, arguments: &Arguments) -> Outcome<ExitCode> {
    // The border alone needs no broker.
    if let [language, crossing, rest @ ..] = &*arguments.rest
        && crossing == "crossing"
    {
        match language.as_str() {
            "--node" => return finish(test::node::for_benchmarks(place, true)?.args(rest)),
            "--kotlin" => return finish(test::kotlin::for_benchmarks(place)?.args(&arguments.rest[1..])),
            _ => {}
        }
    }
    let environment = kafka::environment(place, &kafka::start(place, kafka::SHARED, false)?)?;
    if arguments.rest.first().is_some_and(|first| first == "--python") {
        let mut python = test::python::for_benchmarks(place)?;
        return finish(python.envs(environment).arg(place.root.join("benches/python/rows.py")).args(&arguments.rest[1..]));
    }
    if arguments.rest.first().is_some_and(|first| first == "--node") {
        return finish(test::node::for_benchmarks(place, false)?.envs(environment).args(&arguments.rest[1..]));
    }
    if arguments.rest.first().is_some_and(|first| first == "--kotlin") {
        return finish(test::kotlin::for_benchmarks(place)?.envs(environment).args(&arguments.rest[1..]));
    }
    let mut command = cargo(place, &["run", "--release", "--package", "onceward-benches", "--"]);
    // Without a word of its own it is the whole table.
    let table = arguments.rest.first().is_none_or(|first| first.starts_with('-'));
    finish(command.envs(environment).args(table.then_some("run")).args(&arguments.rest))
}

/// The simulated world needs no broker.
pub(crate) fn simulate(place: &Place, options: &Simulate) -> Outcome<ExitCode> {
    let mut command = cargo(place, &["run", "--profile", "ci", "--package", "onceward-tests", "--bin", "simulate", "--"]);
    command.args(["--seeds", &options.seeds.to_string(), "--from", &options.from.to_string()]);
    finish(command.args(&options.more.rest))
}

/// The campaign is an ordinary test that reads how hard to hit from its environment.
pub(crate) fn faults(place: &Place, options: &Faults) -> Outcome<ExitCode> {
    let environment = kafka::environment(place, &kafka::start(place, kafka::SHARED, false)?)?;
    let mut command =
        cargo(place, &["test", "--profile", "ci", "--package", "onceward-tests", "--test", "faults", "--test", "chain", "--"]);
    command.envs(environment).env("ONCEWARD_TEST_KILLS", options.kills.to_string()).env("ONCEWARD_TEST_SEED", options.seed.to_string());
    command.env("ONCEWARD_TEST_OUTAGE", options.outage.to_string());
    finish(command.args(["--nocapture", "--test-threads", "1"]))
}

fn cargo(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&place.root).args(arguments);
    command
}

fn finish(command: &mut Command) -> Outcome<ExitCode> {
    Ok(if process::watched(command)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
