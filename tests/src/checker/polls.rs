//! C5: within an assignment, what comes out of the client goes forward and leaves no record out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Check, Violation, violation};
use crate::history::{Entry, Owner, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    let mut produced: BTreeMap<(String, i32), BTreeSet<i64>> = BTreeMap::new();
    for entry in history {
        if let Step::Produced { spot, aborted: false, .. } = &entry.step {
            produced.entry(spot.source()).or_default().insert(spot.offset);
        }
    }
    let mut last: HashMap<(&Owner, (String, i32)), i64> = HashMap::new();
    for entry in history {
        let Step::Polled { spot, .. } = &entry.step else { continue };
        let Some(before) = last.insert((&entry.by, spot.source()), spot.offset) else { continue };
        if spot.offset <= before {
            violation(found, Check::Poll, format!("{spot:?} was polled after {before}, by {:?}", entry.by));
        } else if let Some(skipped) = produced.get(&spot.source()).and_then(|offsets| offsets.range(before + 1..spot.offset).next()) {
            violation(found, Check::Poll, format!("{spot:?} was polled right after {before}; {skipped} was left out, by {:?}", entry.by));
        }
    }
}
