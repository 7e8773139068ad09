//! Fields that enter and leave a oneof: of its fields only the last one that was written survives reading.

use super::compare::Walk;
use super::model::{Field, Message};
use crate::difference::Verdict;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::path::Path;
use crate::text::shown;

impl Walk<'_> {
    pub(super) fn oneofs(&mut self, old: &Message, new: &Message, path: &Path) {
        let both: Vec<(&Field, &Field)> =
            old.fields.values().filter_map(|before| Some((before, new.fields.get(&before.number)?))).collect();
        for (before, after) in &both {
            if before.oneof == after.oneof {
                continue;
            }
            let moved_in = both.iter().filter(|(before, other)| other.oneof == after.oneof && before.oneof != after.oneof).count();
            let moved_out = both.iter().filter(|(other, after)| other.oneof == before.oneof && after.oneof != before.oneof).count();
            let crowds = |oneof: &Option<String>, others: &[String], moved: usize| {
                oneof.as_ref().is_some_and(|oneof| others.contains(oneof) || moved > 1)
            };
            let backward = self.is_wire() || crowds(&after.oneof, &old.oneofs, moved_in);
            // The same question with the schemas exchanged.
            let forward = self.is_wire() || crowds(&before.oneof, &new.oneofs, moved_out);
            let path = path.field(&after.name);
            let name = shown(&after.name);
            let finding = match (&before.oneof, &after.oneof) {
                (_, Some(to)) => {
                    let to = shown(to);
                    let sentence = format!(
                        "field `{name}` entered the oneof `{to}`: of an event that holds more than one of its fields, only the last is read"
                    );
                    let verdict = if backward { Verdict::Breaking } else { Verdict::Warning };
                    Finding::new(&path, Kind::OneofEntered, sentence).breaks(backward, forward).contract(verdict)
                }
                (from, None) => {
                    let from = shown(from.as_deref().unwrap_or_default());
                    let sentence = format!(
                        "field `{name}` left the oneof `{from}`: it may be set beside the others now, and old consumers see one of them only"
                    );
                    Finding::new(&path, Kind::OneofLeft, sentence).breaks(backward, forward).contract(Verdict::Warning)
                }
            };
            self.report(finding.cure("leave it where it is, and add a new field"));
        }
    }
}
