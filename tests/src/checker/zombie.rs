//! C9: an owner has no effect once its successor has begun.

use std::collections::HashMap;

use super::{Check, Violation, violation};
use crate::history::{Entry, Owner, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    // Owners of a partition in the order in which they began: by their first poll or handler call.
    let mut owners: HashMap<(String, i32), Vec<&Owner>> = HashMap::new();
    for entry in history {
        match &entry.step {
            Step::Polled { spot, .. } | Step::Started { spot, .. } => {
                let owners = owners.entry(spot.source()).or_default();
                if !owners.contains(&&entry.by) {
                    owners.push(&entry.by);
                }
            }
            Step::Effect { spot, by, .. } => {
                let Some(owners) = owners.get(&spot.source()) else { continue };
                let place = owners.iter().position(|owner| *owner == by);
                if let (Some(place), Some(latest)) = (place, owners.last())
                    && place + 1 < owners.len()
                {
                    violation(found, Check::Zombie, format!("{spot:?}: an effect by {by:?} after {latest:?} had begun"));
                }
            }
            _ => {}
        }
    }
}
