//! Names of inputs and effects, for the coverage table and for crash points.

use onceward_engine::{Alert, Effect, Input};

/// Inputs.
pub(crate) const INPUTS: [&str; 18] = [
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
    "Tick",
    "Suspects",
];

/// Effects, in the order of their declaration.
pub(crate) const EFFECTS: [&str; 14] = [
    "CatchUp",
    "LookUp",
    "Dispatch",
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
        Input::Tick => 16,
        Input::Suspects(_) => 17,
    }
}

pub(crate) fn of_effect(effect: &Effect) -> usize {
    match effect {
        Effect::CatchUp { .. } => 0,
        Effect::LookUp(_) => 1,
        Effect::Dispatch(_) => 2,
        Effect::Cancel { .. } => 3,
        Effect::Mark(_) => 4,
        Effect::DeadLetter(_) => 5,
        Effect::Commit { .. } => 6,
        Effect::Pause { .. } => 7,
        Effect::Resume { .. } => 8,
        Effect::Seek { .. } => 9,
        Effect::Release { .. } => 10,
        Effect::Forget(_) => 11,
        Effect::Alert(_) => 12,
        Effect::Finished => 13,
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
        Alert::BreakerStaysOpen { .. } => 7,
    }
}
