//! C10: one correlation id from the first attempt to the last line and the letter.

use std::collections::HashMap;

use super::{Check, Violation, violation};
use crate::history::{Entry, Owner, Spot, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    let mut known: HashMap<&Spot, &Option<String>> = HashMap::new();
    let mut running: HashMap<(&Owner, &Spot), ()> = HashMap::new();
    for entry in history {
        match &entry.step {
            Step::Started { spot, correlation, .. } => {
                running.insert((&entry.by, spot), ());
                if correlation.is_none() {
                    violation(found, Check::Trace, format!("{spot:?} was handled without a correlation id"));
                }
                known.insert(spot, correlation);
            }
            Step::Ended { spot, .. } => {
                running.remove(&(&entry.by, spot));
            }
            Step::Said { spot, correlation } if running.contains_key(&(&entry.by, spot)) => {
                compare(spot, known.get(spot).copied(), correlation, "a line", found);
            }
            Step::Lettered { spot, correlation, .. } => compare(spot, known.get(spot).copied(), correlation, "its letter", found),
            _ => {}
        }
    }
}

fn compare(spot: &Spot, known: Option<&Option<String>>, said: &Option<String>, what: &str, found: &mut Vec<Violation>) {
    if let Some(known) = known
        && known != said
    {
        violation(found, Check::Trace, format!("{spot:?}: {what} carries {said:?}, not {known:?}"));
    }
}
