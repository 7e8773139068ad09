//! The rows: rivals written by hand, and Onceward.

mod base;
mod fold;
mod hand;
mod ours;
mod replay;

use crate::Outcome;

/// Runs one row.
pub(crate) fn run(name: &str) -> Outcome<()> {
    match name {
        "base" => base::run(),
        "hand" => hand::run(),
        "onceward" => ours::run(),
        "replay" => replay::run(),
        "fold" => fold::run(),
        other => Err(format!("there is no row {other}; base, hand, onceward, replay and fold are").into()),
    }
}

/// Whether a record is one that fails: without parsing, as a rival would do it at its cheapest.
fn is_poison(value: &[u8]) -> bool {
    value.ends_with(b"\"poison\":true}")
}
