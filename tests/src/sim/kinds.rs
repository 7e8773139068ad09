//! Names of inputs and effects, for the coverage table and for crash points.

use onceward_engine::{Alert, Effect, Input};

/// Inputs.
pub(crate) const INPUTS: [&str; 21] = [
    "Assigned",
    "CaughtUp",
    "Fetched",
    "LookedUp",
    "Handled",
    "NotStarted",
    "Marked",
    "DeadLettered",
    "Committed",
    "CommitFailed",
    "ReachedEnd",
    "Gap",
    "Revoking",
    "Lost",
    "Down",
    "Up",
    "Suspended",
    "Resumed",
    "Tick",
    "Suspects",
    "Refused",
];

/// Effects, in the order of their declaration.
pub(crate) const EFFECTS: [&str; 15] = [
    "CatchUp",
    "LookUp",
    "Dispatch",
    "DispatchBatch",
    "Cancel",
    "Mark",
    "DeadLetter",
    "Commit",
    "Pause",
    "Resume",
    "Seek",
    "Release",
    "Forget",
    "Alert",
    "Finished",
];

pub(crate) fn of_input(input: &Input) -> usize {
    match input {
        Input::Assigned(_) => 0,
        Input::CaughtUp { .. } => 1,
        Input::Fetched(_) => 2,
        Input::LookedUp { .. } => 3,
        Input::Handled { .. } => 4,
        Input::NotStarted { .. } => 5,
        Input::Marked { .. } => 6,
        Input::DeadLettered { .. } => 7,
        Input::Committed { .. } => 8,
        Input::CommitFailed { .. } => 9,
        Input::ReachedEnd { .. } => 10,
        Input::Gap { .. } => 11,
        Input::Revoking { .. } => 12,
        Input::Lost { .. } => 13,
        Input::Down { .. } => 14,
        Input::Up { .. } => 15,
        Input::Suspended { .. } => 16,
        Input::Resumed { .. } => 17,
        Input::Tick => 18,
        Input::Suspects(_) => 19,
        Input::Refused { .. } => 20,
        // The ledger has a simulation of its own.
        Input::Ledger(_)
        | Input::Removed(_)
        | Input::OldestLetter { .. }
        | Input::LedgerEnd { .. }
        | Input::Claimed { .. }
        | Input::SentAgain { .. }
        | Input::ClaimFailed { .. }
        | Input::LetterFetched(_)
        | Input::LetterGone { .. } => 18,
    }
}

pub(crate) fn of_effect(effect: &Effect) -> usize {
    match effect {
        Effect::CatchUp { .. } => 0,
        Effect::LookUp(_) => 1,
        Effect::Dispatch(_) => 2,
        Effect::DispatchBatch(_) => 3,
        Effect::Cancel { .. } => 4,
        Effect::Mark(_) => 5,
        Effect::DeadLetter(_) => 6,
        Effect::Commit { .. } => 7,
        Effect::Pause { .. } => 8,
        Effect::Resume { .. } => 9,
        Effect::Seek { .. } => 10,
        Effect::Release { .. } => 11,
        Effect::Forget(_) => 12,
        Effect::Alert(_) => 13,
        Effect::Finished
        | Effect::ReadLedger { .. }
        | Effect::Claim { .. }
        | Effect::Record(_)
        | Effect::FetchLetters(_)
        | Effect::Superseded { .. }
        | Effect::Reassign { .. }
        | Effect::Remove { .. }
        | Effect::FindOldestLetter { .. } => 14,
    }
}

/// Alerts, in the order of their declaration.
pub(crate) const ALERTS: [&str; 8] =
    ["Rewound", "Gap", "Conflict", "DrainTimedOut", "Stuck", "BreakerOpened", "BreakerClosed", "BreakerStaysOpen"];

pub(crate) fn of_alert(alert: &Alert) -> usize {
    match alert {
        Alert::Rewound { .. } => 0,
        Alert::Gap { .. } => 1,
        Alert::Conflict { .. } => 2,
        Alert::DrainTimedOut { .. } => 3,
        Alert::Stuck { .. } => 4,
        Alert::BreakerOpened { .. } => 5,
        Alert::BreakerClosed { .. } => 6,
        Alert::BreakerStaysOpen { .. } | Alert::ReplayRefused { .. } | Alert::LetterGone { .. } => 7,
    }
}
