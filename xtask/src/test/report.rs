//! What passed, what failed, how long it took; the failures once more at the end.

use std::process::ExitCode;
use std::time::Instant;

use super::suite::Tally;
use crate::failure::Outcome;

/// The sum of all steps.
#[derive(Default)]
pub(crate) struct Report {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
    rows: Vec<String>,
}

impl Report {
    /// One check: it counts as one. Whether it passed.
    pub(crate) fn step(&mut self, name: &str, check: impl FnOnce() -> Outcome<String>) -> bool {
        println!("── {name}");
        let begun = Instant::now();
        let result = check();
        let took = begun.elapsed().as_secs_f64();
        match &result {
            Ok(note) => {
                self.passed += 1;
                println!("   {note} ({took:.1} s)");
                self.rows.push(format!("ok      {name:<36} {took:>7.1} s"));
            }
            Err(failure) => {
                self.failed += 1;
                println!("   FAILED ({took:.1} s): {failure}");
                self.rows.push(format!("FAILED  {name:<36} {took:>7.1} s"));
                self.failures.push(format!("{name}: {failure}"));
            }
        }
        result.is_ok()
    }

    /// Many tests: each counts.
    pub(crate) fn suite(&mut self, name: &str, run: impl FnOnce() -> Outcome<Tally>) {
        println!("── {name}");
        let begun = Instant::now();
        let tally = run().unwrap_or_else(|failure| Tally::of_failure(failure.to_string()));
        let took = begun.elapsed().as_secs_f64();
        self.passed += tally.passed;
        self.failed += tally.failed;
        let word = if tally.failed == 0 { "ok    " } else { "FAILED" };
        let counts = format!("{name}: {} passed, {} failed, {} left out", tally.passed, tally.failed, tally.left_out);
        self.rows.push(format!("{word}  {counts:<36} {took:>7.1} s"));
        self.failures.extend(tally.failures);
    }

    /// Prints the failures again, the table, and the closing line.
    pub(crate) fn close(self) -> ExitCode {
        for failure in &self.failures {
            println!("\n══ FAILED {failure}");
        }
        println!();
        for row in &self.rows {
            println!("{row}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
