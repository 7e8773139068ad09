//! C3: records of one key never overlap and never change places.
//!
//! Three rules, because no single one is sound over kills. Within an assignment, starts go forward and wait for what was started before.
//! A start by anybody waits until everything before it has ended once. Effects, which are durable, go forward over all owners.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Check, Violation, violation};
use crate::history::{End, Entry, Owner, Spot, Step};

type Lane = (String, i32, String);

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    within_an_assignment(history, found);
    over_owners(history, found);
    of_effects(history, found);
}

fn lane(spot: &Spot, key: Option<&String>) -> Option<Lane> {
    key.map(|key| (spot.topic.clone(), spot.partition, key.clone()))
}

fn within_an_assignment(history: &[Entry], found: &mut Vec<Violation>) {
    // The last started offset of a lane, and whether it has ended for good.
    let mut last: HashMap<(&Owner, Lane), (i64, bool)> = HashMap::new();
    let mut lanes: HashMap<(&Owner, &Spot), Lane> = HashMap::new();
    for entry in history {
        match &entry.step {
            Step::Started { spot, key, .. } => {
                let Some(lane) = lane(spot, key.as_ref()) else { continue };
                if let Some((before, ended)) = last.get(&(&entry.by, lane.clone())) {
                    if spot.offset < *before {
                        violation(found, Check::Order, format!("{spot:?} of {lane:?} started after {before}, by {:?}", entry.by));
                    } else if spot.offset > *before && !ended {
                        violation(found, Check::Order, format!("{spot:?} of {lane:?} started while {before} was open, by {:?}", entry.by));
                    }
                }
                lanes.insert((&entry.by, spot), lane.clone());
                last.insert((&entry.by, lane), (spot.offset, false));
            }
            Step::Ended { spot, end: End::Done | End::GivenUp } => {
                if let Some(lane) = lanes.get(&(&entry.by, spot))
                    && let Some((offset, ended)) = last.get_mut(&(&entry.by, lane.clone()))
                    && *offset == spot.offset
                {
                    *ended = true;
                }
            }
            _ => {}
        }
    }
}

fn over_owners(history: &[Entry], found: &mut Vec<Violation>) {
    let mut waiting: BTreeMap<Lane, Vec<i64>> = BTreeMap::new();
    for entry in history {
        if let Step::Produced { spot, key, aborted: false, .. } = &entry.step
            && let Some(lane) = lane(spot, key.as_ref())
        {
            waiting.entry(lane).or_default().push(spot.offset);
        }
    }
    // Turned round, so that the front of a lane is popped off its end.
    for offsets in waiting.values_mut() {
        offsets.sort_unstable_by(|one, other| other.cmp(one));
    }
    let mut over: HashSet<&Spot> = HashSet::new();
    for entry in history {
        match &entry.step {
            Step::Ended { spot, end: End::Done | End::GivenUp }
            | Step::Effect { spot, .. }
            | Step::Skipped { spot }
            | Step::Lettered { spot, .. } => {
                over.insert(spot);
            }
            Step::Started { spot, key, .. } => {
                let Some(lane) = lane(spot, key.as_ref()) else { continue };
                let Some(offsets) = waiting.get_mut(&lane) else { continue };
                while let Some(front) = offsets.last().copied()
                    && over.contains(&Spot { offset: front, ..spot.clone() })
                {
                    offsets.pop();
                }
                if let Some(front) = offsets.last().filter(|front| **front < spot.offset) {
                    violation(found, Check::Order, format!("{spot:?} of {lane:?} started though {front} had never ended"));
                }
            }
            _ => {}
        }
    }
}

fn of_effects(history: &[Entry], found: &mut Vec<Violation>) {
    let mut last: HashMap<Lane, i64> = HashMap::new();
    for entry in history {
        if let Step::Effect { spot, key, .. } = &entry.step
            && let Some(lane) = lane(spot, key.as_ref())
            && let Some(before) = last.insert(lane, spot.offset)
            && spot.offset < before
        {
            violation(found, Check::Order, format!("the effect of {spot:?} (key {key:?}) came after that of {before}"));
        }
    }
}
