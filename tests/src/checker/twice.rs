//! C2: one durable effect per event.

use std::collections::HashMap;

use super::{Check, Violation, violation};
use crate::history::{Entry, Spot, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    // Ids count within their topic, as they do for the consumer.
    let mut first: HashMap<(&str, &str), &Spot> = HashMap::new();
    for entry in history {
        if let Step::Effect { spot, id, .. } = &entry.step
            && let Some(before) = first.insert((&spot.topic, id), spot)
        {
            violation(found, Check::Twice, format!("{id} had an effect from {before:?} and again from {spot:?}"));
        }
    }
}
