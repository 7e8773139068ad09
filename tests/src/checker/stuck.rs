//! C8: once the faults have ended, work goes on.

use super::{Check, Violation, violation};
use crate::history::{Entry, Step};

/// Longer than any rebalance of the tests takes.
const PATIENCE: u64 = 30_000_000;

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    // Since when, and at which lag, nothing moved while nothing ran.
    let mut still: Option<(u64, u64)> = None;
    let mut healed = false;
    for entry in history {
        match entry.step {
            Step::Healed => (healed, still) = (true, None),
            Step::Lag { records, running } if healed => match still {
                Some((since, before)) if running == 0 && records > 0 && records >= before => {
                    if entry.at.saturating_sub(since) > PATIENCE {
                        violation(
                            found,
                            Check::Stuck,
                            format!("{records} records were left for {} s with no handler running", PATIENCE / 1_000_000),
                        );
                        return;
                    }
                }
                _ => still = (running == 0 && records > 0).then_some((entry.at, records)),
            },
            _ => {}
        }
    }
}
