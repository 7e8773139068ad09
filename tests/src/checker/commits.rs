//! C4: the group's offset never goes back by itself.

use std::collections::HashMap;

use super::{Check, Violation, violation};
use crate::history::{Entry, Step};

pub(super) fn check(history: &[Entry], found: &mut Vec<Violation>) {
    let mut last: HashMap<(&str, i32), i64> = HashMap::new();
    for entry in history {
        match &entry.step {
            Step::Rewound { topic, partition } => {
                last.remove(&(topic.as_str(), *partition));
            }
            Step::Committed { topic, partition, next } => {
                if let Some(before) = last.insert((topic, *partition), *next)
                    && *next < before
                {
                    violation(found, Check::Commit, format!("{topic}/{partition}: from {before} back to {next}"));
                }
            }
            _ => {}
        }
    }
}
