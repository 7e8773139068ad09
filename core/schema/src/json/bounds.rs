//! Limits of values, lengths and counts; patterns, multiples, uniqueness.

use super::compare::{Out, Walk};
use super::model::{Id, Limit};
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::text::shown;

const TIGHTER: &str = "leave it as it was; old events were written by the looser rule";
const LOOSER: &str = "update all consumers before the first producer";

impl Walk<'_> {
    pub(super) fn bounds(&mut self, old: Option<Id>, new: Option<Id>, path: &Path, out: &mut Out) {
        let (before, after) = (self.old.node(old), self.new.node(new));
        let contain = before.contains.is_some() && after.contains.is_some();
        for (limit, name) in Limit::ALL.into_iter().filter(|(limit, _)| contain || !limit.is_of_contains()) {
            let (left, right) = (before.limits.get(&limit).copied(), after.limits.get(&limit).copied());
            let tighter = |than: Option<(f64, bool)>, one: Option<(f64, bool)>| match (than, one) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some((than, open)), Some((one, exclusive))) => {
                    let further = if limit.is_lower() { one > than } else { one < than };
                    further || (one.total_cmp(&than).is_eq() && exclusive && !open)
                }
            };
            let word = |limit: Option<(f64, bool)>| match limit {
                None => "none".to_owned(),
                Some((value, true)) => format!("{value} (exclusive)"),
                Some((value, false)) => value.to_string(),
            };
            let change = format!("{name} changed from {} to {}", word(left), word(right));
            if tighter(left, right) {
                out.report(tightened(path, format!("{change}: the new schema refuses some events of the old one")));
            } else if tighter(right, left) {
                out.report(loosened(path, format!("{change}: consumers that use the old schema refuse some new events")));
            }
        }
        self.multiples(before.multiple_of, after.multiple_of, path, out);
        match (before.unique, after.unique) {
            (false, true) => out.report(tightened(path, "items must be unique now: old events may repeat them".to_owned())),
            (true, false) => out.report(loosened(path, "items may repeat now: consumers may rely on unique ones".to_owned())),
            _ => {}
        }
        let word = |pattern: &Option<String>| pattern.as_ref().map_or("none".to_owned(), |pattern| format!("`{}`", shown(pattern)));
        if before.pattern != after.pattern {
            let (backward, forward) = (after.pattern.is_some(), before.pattern.is_some());
            let sentence = format!(
                "the pattern changed from {} to {}: what one schema takes the other may refuse",
                word(&before.pattern),
                word(&after.pattern)
            );
            let finding = Finding::new(path, Kind::PatternChanged, sentence).breaks(backward, forward);
            out.report(finding.cure(if backward { TIGHTER } else { LOOSER }));
        }
    }

    fn multiples(&mut self, old: Option<f64>, new: Option<f64>, path: &Path, out: &mut Out) {
        let divides = |part: f64, whole: f64| {
            let times = whole / part;
            (times - times.round()).abs() < 1e-9
        };
        match (old, new) {
            (None, None) => {}
            (None, Some(new)) => out.report(tightened(path, format!("values must be multiples of {new} now"))),
            (Some(old), None) => out.report(loosened(path, format!("values need not be multiples of {old} any more"))),
            (Some(old), Some(new)) if old.total_cmp(&new).is_eq() => {}
            (Some(old), Some(new)) => {
                let (backward, forward) = (!divides(new, old), !divides(old, new));
                let change = format!("values must be multiples of {new}, and were of {old}");
                match (backward, forward) {
                    (true, false) => out.report(tightened(path, change)),
                    (false, _) => out.report(loosened(path, change)),
                    _ => out.report(Finding::new(path, Kind::LimitTightened, change).breaks(true, true).cure(TIGHTER)),
                }
            }
        }
    }
}

fn tightened(path: &Path, sentence: String) -> Finding {
    Finding::new(path, Kind::LimitTightened, sentence).breaks(true, false).cure(TIGHTER)
}

fn loosened(path: &Path, sentence: String) -> Finding {
    Finding::new(path, Kind::LimitLoosened, sentence).breaks(false, true).cure(LOOSER)
}
