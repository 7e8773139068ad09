//! C6 and C7: only what was produced has consequences, and its bytes stay what they were.

use std::collections::HashMap;

use super::{Check, Violation, violation};
use crate::history::{Entry, Spot, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    let mut produced: HashMap<&Spot, (&str, bool)> = HashMap::new();
    for entry in history {
        if let Step::Produced { spot, digest, aborted, .. } = &entry.step {
            produced.insert(spot, (digest, *aborted));
        }
    }
    for entry in history {
        if let Step::Effect { spot, .. } | Step::Lettered { spot, .. } = &entry.step {
            match produced.get(spot) {
                None => violation(found, Check::Ghost, format!("{spot:?} has consequences but was never produced")),
                Some((_, true)) => violation(found, Check::Ghost, format!("{spot:?} has consequences but its transaction was aborted")),
                Some((_, false)) => {}
            }
        }
        if let Step::Polled { spot, digest } | Step::Lettered { spot, digest, .. } = &entry.step
            && let Some((original, _)) = produced.get(spot)
            && original != digest
        {
            violation(found, Check::Bytes, format!("{spot:?}: {original} was produced, {digest} was read"));
        }
    }
}
