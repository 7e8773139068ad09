//! What the runs have met: every input in every state of a partition, a crash after every kind of effect.

use std::fmt;

use onceward_engine::{Alert, Input};

use super::check::{State, Watch};
use super::kinds::{self, ALERTS, EFFECTS, INPUTS};

/// Counts, to be summed over seeds.
///
/// No pair is impossible: facts of epochs that never were, and answers for records that were refused, meet partitions in every state,
/// never assigned ones included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    inputs: [[u64; 6]; INPUTS.len()],
    crashes: [u64; EFFECTS.len()],
    alerts: [u64; ALERTS.len()],
}

impl Coverage {
    /// Counts an input by the state in which it meets its partition; facts without a partition meet all of them.
    pub(crate) fn input(&mut self, watch: &Watch, partitions: u32, input: &Input) {
        use onceward_engine::PartitionId;
        let row = kinds::of_input(input);
        let place = match input {
            Input::Assigned(assignment) => Some(assignment.partition),
            Input::Fetched(record) | Input::LetterFetched(record) => Some(record.partition),
            Input::Ledger(read) => Some(read.partition),
            Input::Removed(gone) => Some(gone.partition),
            Input::CaughtUp { partition, .. }
            | Input::Committed { partition, .. }
            | Input::CommitFailed { partition, .. }
            | Input::ReachedEnd { partition, .. }
            | Input::Gap { partition, .. }
            | Input::LedgerEnd { partition, .. }
            | Input::Claimed { partition, .. }
            | Input::SentAgain { partition, .. }
            | Input::ClaimFailed { partition, .. }
            | Input::LetterGone { partition, .. }
            | Input::OldestLetter { partition, .. }
            | Input::Revoking { partition, .. }
            | Input::Lost { partition, .. } => Some(*partition),
            Input::LookedUp { delivery, .. }
            | Input::Handled { delivery, .. }
            | Input::NotStarted { delivery }
            | Input::Marked { delivery, .. }
            | Input::DeadLettered { delivery, .. } => match watch.partition_of(*delivery) {
                Some(partition) => Some(partition),
                None => return,
            },
            Input::Down { .. }
            | Input::Up { .. }
            | Input::Suspended { .. }
            | Input::Resumed { .. }
            | Input::Tick
            | Input::Suspects(_)
            | Input::Refused { .. } => None,
        };
        let all = (0..=partitions).map(PartitionId).filter(|p| place.is_none_or(|place| place == *p));
        for partition in all {
            self.inputs[row][watch.state(partition) as usize] += 1;
        }
    }

    pub(crate) fn crash(&mut self, after: usize) {
        self.crashes[after] += 1;
    }

    pub(crate) fn alert(&mut self, alert: &Alert) {
        self.alerts[kinds::of_alert(alert)] += 1;
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (row, theirs) in self.inputs.iter_mut().zip(&other.inputs) {
            for (cell, theirs) in row.iter_mut().zip(theirs) {
                *cell += theirs;
            }
        }
        for (cell, theirs) in self.crashes.iter_mut().zip(&other.crashes) {
            *cell += theirs;
        }
        for (cell, theirs) in self.alerts.iter_mut().zip(&other.alerts) {
            *cell += theirs;
        }
    }

    /// What was met less often than that.
    pub fn below(&self, least: u64) -> Vec<String> {
        let mut missing = Vec::new();
        for (row, name) in self.inputs.iter().zip(INPUTS) {
            for (count, state) in row.iter().zip(State::ALL) {
                if *count < least {
                    missing.push(format!("{name} in {state:?}: {count}"));
                }
            }
        }
        for (count, name) in self.crashes.iter().zip(EFFECTS) {
            if *count < least {
                missing.push(format!("crash after {name}: {count}"));
            }
        }
        for (count, name) in self.alerts.iter().zip(ALERTS) {
            if *count < least {
                missing.push(format!("alert {name}: {count}"));
            }
        }
        missing
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<14}", "input")?;
        for state in State::ALL {
            write!(f, "{:>12}", format!("{state:?}"))?;
        }
        writeln!(f)?;
        for (row, name) in self.inputs.iter().zip(INPUTS) {
            write!(f, "{name:<14}")?;
            for count in row {
                write!(f, "{count:>12}")?;
            }
            writeln!(f)?;
        }
        writeln!(f, "crash after")?;
        for (count, name) in self.crashes.iter().zip(EFFECTS) {
            writeln!(f, "  {name:<12}{count:>12}")?;
        }
        writeln!(f, "alert")?;
        for (count, name) in self.alerts.iter().zip(ALERTS) {
            writeln!(f, "  {name:<18}{count:>6}")?;
        }
        Ok(())
    }
}
