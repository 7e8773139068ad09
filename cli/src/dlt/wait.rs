//! Waiting for letters after a command: a bar on a terminal, a tally at the end.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use onceward::ledger::{Awaited, Ledger, Outcome};

use super::place::Letters;
use crate::exit::Failure;
use crate::output::{self, Progress};

/// After so long without anything settled it is worth a hint.
const QUIET: Duration = Duration::from_secs(10);

/// How long to wait; `None`: until it is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(pub(super) Option<Duration>);

/// Follows the ledgers until everything awaited is settled, failed again, or held behind what failed.
pub(super) fn until_settled(letters: &Letters, ledgers: Vec<(&mut Ledger, &Awaited)>, patience: Patience) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let all: usize = ledgers.iter().map(|(_, awaited)| awaited.len()).sum();
    let progress = Progress::new("replaying letters");
    let mut sum = Outcome::default();
    let mut told = false;
    for (ledger, awaited) in ledgers {
        let mut last = Outcome::default();
        ledger.follow(&letters.client, |ledger| {
            last = awaited.outcome(ledger);
            let ended = sum.ended() + last.ended();
            progress.at(ended, all as u64);
            if !told && ended == 0 && begun.elapsed() > QUIET {
                told = true;
                output::note(&format!(
                    "nothing is settled yet: is a member of group {} up? The commands stand and wait for it",
                    letters.group()
                ));
            }
            let over = patience.0.is_some_and(|limit| begun.elapsed() >= limit);
            if last.waiting == 0 || over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        sum = sum + last;
    }
    Ok(sum)
}
