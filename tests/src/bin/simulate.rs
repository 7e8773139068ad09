//! `simulate [--seeds N] [--from S]`: runs seeds, prints the coverage table, shrinks what fails into `tests/scenarios/`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::Path;
use std::process::ExitCode;

use onceward_tests::sim::{shrink, simulate};

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
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a number"))?;
        match name.as_str() {
            "--seeds" => seeds = value.parse()?,
            "--from" => from = value.parse()?,
            other => return Err(format!("unknown argument {other}; there are --seeds N and --from S").into()),
        }
    }
    let report = simulate(from, seeds);
    println!("{report}");
    for failure in report.failures.iter().take(3) {
        let small = shrink(&failure.scenario, failure.violation.invariant, None);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/seed-{}.jsonl", failure.seed));
        std::fs::write(&path, small.to_lines()?)?;
        println!("seed {}: {} inputs shrunk to {}: {}", failure.seed, failure.scenario.inputs.len(), small.inputs.len(), path.display());
    }
    Ok(report.failures.is_empty())
}
