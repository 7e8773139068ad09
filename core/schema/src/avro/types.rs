//! Types that are not the same: widened, narrowed, or something else; logical types.

use super::compare::{Walk, Ways};
use super::model::{Id, Primitive};
use crate::difference::Verdict;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;

/// What to do when a type has to become another one.
const ANOTHER_FIELD: &str = "add a new field of the new type with a default, write both for a while, and remove the old one later";

impl Walk<'_> {
    pub(super) fn another_type(&mut self, old: Id, new: Id, path: &Path, ways: Ways) {
        let (from, to) = (self.old.label(old), self.new.label(new));
        let sentence = format!("the type changed from {from} to {to}: neither schema reads what the other one wrote");
        self.report(Finding::new(path, Kind::TypeChanged, sentence).breaks(true, true).cure(ANOTHER_FIELD), ways);
    }

    pub(super) fn primitives(&mut self, old: (Id, Primitive), new: (Id, Primitive), path: &Path, ways: Ways) {
        let (from, to) = (self.old.label(old.0), self.new.label(new.0));
        let (backward, forward) = (!new.1.reads(old.1), !old.1.reads(new.1));
        let finding = match (backward, forward) {
            (true, true) => return self.another_type(old.0, new.0, path, ways),
            (false, true) => {
                let sentence = format!("the type was widened from {from} to {to}: consumers that use the old schema can't read new events");
                Finding::new(path, Kind::TypeWidened, sentence).cure("update all consumers before the first producer")
            }
            (true, false) => {
                let sentence = format!("the type was narrowed from {from} to {to}: the new schema can't read events of the old one");
                Finding::new(path, Kind::TypeNarrowed, sentence).cure(format!("keep {from}"))
            }
            (false, false) => {
                let sentence =
                    format!("the type changed from {from} to {to}: each reads the other's bytes, and nobody checks that they are text");
                Finding::new(path, Kind::TypeChanged, sentence).caution().cure(format!("keep {from}, or check the bytes in the handler"))
            }
        };
        let caution = finding.caution;
        let finding = finding.breaks(backward, forward);
        self.report(if caution { finding.caution() } else { finding }, ways);
    }

    /// The same bytes underneath; what they mean may differ, and no library notices.
    pub(super) fn logical(&mut self, old: Id, new: Id, path: &Path, ways: Ways) {
        let (left, right) = (self.old, self.new);
        let (before, after) = (&left.node(old).logical, &right.node(new).logical);
        if before == after {
            return;
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.name == "decimal"
            && after.name == "decimal"
        {
            return self.decimal((before.precision, before.scale), (after.precision, after.scale), path, ways);
        }
        let (from, to) = (left.label(old), right.label(new));
        let (from, to) = match (before, after) {
            (None, _) => (format!("plain {from}"), to),
            (_, None) => (from, format!("plain {to}")),
            _ => (from, to),
        };
        let sentence =
            format!("the meaning changed from {from} to {to} while the bytes stay the same: values are read wrongly, and nothing fails");
        let finding = Finding::new(path, Kind::LogicalTypeChanged, sentence).caution().contract(Verdict::Breaking).cure(ANOTHER_FIELD);
        self.report(finding, ways);
    }

    fn decimal(&mut self, old: (u64, u64), new: (u64, u64), path: &Path, ways: Ways) {
        let ((old_precision, old_scale), (new_precision, new_scale)) = (old, new);
        let change = format!("from decimal({old_precision}, {old_scale}) to decimal({new_precision}, {new_scale})");
        let finding = if old_scale != new_scale {
            let sentence =
                format!("a decimal changed {change}: only digits are sent, so every value would be read wrongly by a power of ten");
            Finding::new(path, Kind::DecimalChanged, sentence).breaks(true, true).cure(ANOTHER_FIELD)
        } else if new_precision > old_precision {
            let sentence = format!("a decimal was widened {change}: consumers that use the old schema may get numbers too large for them");
            Finding::new(path, Kind::DecimalChanged, sentence).breaks(false, true).cure("update all consumers before the first producer")
        } else {
            let sentence = format!("a decimal was narrowed {change}: the new schema can't hold all numbers of old events");
            Finding::new(path, Kind::DecimalChanged, sentence).breaks(true, false).cure("keep the precision")
        };
        self.report(finding, ways);
    }
}
