//! C1: when an offset is committed, everything below it was resolved before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Violation, violation};
use crate::history::{Entry, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    // Per partition, what was produced and is not resolved yet. An aborted record is never delivered, so it owes nothing.
    let mut open: BTreeMap<(String, i32), BTreeSet<i64>> = BTreeMap::new();
    for entry in history {
        if let Step::Produced { spot, aborted: false, .. } = &entry.step {
            open.entry(spot.source()).or_default().insert(spot.offset);
        }
    }
    for entry in history {
        match &entry.step {
            Step::Effect { spot, .. } | Step::Skipped { spot } | Step::Lettered { spot, .. } => {
                if let Some(offsets) = open.get_mut(&spot.source()) {
                    offsets.remove(&spot.offset);
                }
            }
            Step::Committed { topic, partition, next } => {
                let first = open.get(&(topic.clone(), *partition)).and_then(BTreeSet::first);
                if let Some(first) = first.filter(|first| *first < next) {
                    violation(found, Check::Lost, format!("{topic}/{partition}: {next} committed while {first} was not resolved"));
                }
            }
            _ => {}
        }
    }
}
