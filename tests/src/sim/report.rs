//! Runs seeds on all cores and says what came of it.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use onceward_engine::Sabotage;

use super::check::Violation;
use super::coverage::Coverage;
use super::scenario::Scenario;
use super::world::World;

/// A seed that broke a promise.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed: it fails again.
    pub seed: u64,
    /// What it broke.
    pub violation: Violation,
    /// All inputs of the engine that broke it.
    pub scenario: Scenario,
}

/// What many seeds showed.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many ran.
    pub seeds: u64,
    /// Inputs of all engines of all seeds.
    pub inputs: u64,
    /// The shortest run's inputs, and its seed.
    pub shortest: Option<(u64, u64)>,
    /// Broken promises, by seed; at most [`Report::MOST`] in full.
    pub failures: Vec<Failure>,
    /// What was met.
    pub coverage: Coverage,
}

impl Report {
    /// After so many failures nobody needs more.
    pub const MOST: usize = 20;
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.coverage)?;
        let (least, of) = self.shortest.unwrap_or_default();
        writeln!(f, "{} seeds, {} inputs (at least {least}, seed {of}), {} failures", self.seeds, self.inputs, self.failures.len())?;
        for failure in &self.failures {
            writeln!(f, "seed {}: {}", failure.seed, failure.violation)?;
        }
        Ok(())
    }
}

/// Runs one seed. Returns its failure, its coverage and how many inputs it took.
pub fn run_seed(seed: u64, sabotage: Option<Sabotage>) -> (Option<Failure>, Coverage, u64) {
    let world = World::new(seed, sabotage);
    let settings = world.settings();
    let ending = world.run();
    let failure = ending.violation.map(|(_, violation)| Failure { seed, violation, scenario: Scenario { settings, inputs: ending.log } });
    (failure, ending.coverage, ending.inputs)
}

/// Runs `seeds` seeds, the first of them `from`, on all cores.
pub fn simulate(from: u64, seeds: u64) -> Report {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Report::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let own = worker(&next, from, seeds);
                if let Ok(mut total) = total.lock() {
                    merge(&mut total, own);
                }
            });
        }
    });
    let mut report = total.into_inner().unwrap_or_default();
    report.failures.sort_by_key(|failure| failure.seed);
    report
}

fn worker(next: &AtomicU64, from: u64, seeds: u64) -> Report {
    let mut own = Report::default();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= seeds || own.failures.len() >= Report::MOST {
            return own;
        }
        let seed = from.saturating_add(index);
        let (failure, coverage, inputs) = run_seed(seed, None);
        own.seeds += 1;
        own.inputs += inputs;
        own.coverage.add(&coverage);
        if failure.is_none() && own.shortest.is_none_or(|least| inputs < least.0) {
            own.shortest = Some((inputs, seed));
        }
        own.failures.extend(failure);
    }
}

fn merge(total: &mut Report, own: Report) {
    total.seeds += own.seeds;
    total.inputs += own.inputs;
    total.coverage.add(&own.coverage);
    total.failures.extend(own.failures);
    total.shortest = total.shortest.into_iter().chain(own.shortest).min();
}
