//! `simulate [--seeds N] [--from S]`: runs seeds, prints the coverage table, shrinks what fails into `tests/scenarios/`.
//! `simulate --ledger [--seeds N] [--from S]`: the same for worlds with ledgers; `simulate --tell SEED` prints what happens in one.
//! `simulate --replay FILE`: shows a scenario, input by input, with what the engine orders and which promise breaks.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use onceward_tests::ledger;
use onceward_tests::sim::{Scenario, replay, shrink, simulate};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("simulate: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let (mut from, mut seeds) = (0_u64, 1_000_u64);
    let ledger = std::env::args().any(|argument| argument == "--ledger");
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--ledger");
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--seeds" => seeds = value.parse()?,
            "--from" => from = value.parse()?,
            "--replay" => return show(&value),
            "--tell" => return Ok(tell(value.parse()?)),
            other => {
                return Err(
                    format!("unknown argument {other}; there are --ledger, --seeds N, --from S, --tell SEED and --replay FILE").into()
                );
            }
        }
    }
    if ledger {
        return Ok(with_ledgers(from, seeds));
    }
    let report = simulate(from, seeds);
    println!("{report}");
    for failure in report.failures.iter().take(40) {
        let small = shrink(&failure.scenario, failure.violation.invariant, None);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/seed-{}.jsonl", failure.seed));
        std::fs::write(&path, small.to_lines()?)?;
        println!("seed {}: {} inputs shrunk to {}: {}", failure.seed, failure.scenario.inputs.len(), small.inputs.len(), path.display());
    }
    Ok(report.failures.is_empty())
}

fn with_ledgers(from: u64, seeds: u64) -> bool {
    let report = ledger::simulate(from, seeds);
    for (what, count) in report.met.rows() {
        println!("{what:<22}{count:>12}");
    }
    for (seed, violation) in &report.failures {
        println!("seed {seed}: {violation}");
    }
    println!("{seeds} seeds, {} failures", report.failures.len());
    report.failures.is_empty()
}

fn tell(seed: u64) -> bool {
    let (violation, _) = ledger::run_seed(seed, None, true);
    if let Some(violation) = &violation {
        println!("{violation}");
    }
    violation.is_none()
}

fn show(path: &str) -> Result<bool, Box<dyn std::error::Error>> {
    let scenario = Scenario::parse(&std::fs::read_to_string(path)?)?;
    let mut shown = 0;
    for inputs in 1..=scenario.inputs.len() {
        let start = Scenario { settings: scenario.settings.clone(), inputs: scenario.inputs[..inputs].to_vec() };
        let seen = replay(&start, None);
        let entry = &scenario.inputs[inputs - 1];
        println!("{:>7}  {:?}", entry.at, entry.input);
        for (_, effect) in &seen.effects[shown..] {
            println!("         -> {effect:?}");
        }
        shown = seen.effects.len();
        if let Some((_, violation)) = seen.violation {
            println!("{violation}");
            return Ok(false);
        }
    }
    Ok(true)
}
