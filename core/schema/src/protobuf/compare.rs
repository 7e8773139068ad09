//! Walks two Protobuf schemas at once: package, messages, enumerations.

use super::model::{Message, ProtobufSchema};
use crate::budget::Steps;
use crate::difference::Verdict;
use crate::error::SchemaError;
use crate::finding::Finding;
use crate::kind::Kind;
use crate::limits::Limits;
use crate::path::Path;
use crate::rules::ProtobufRules;
use crate::text::shown;

/// Everything that differs.
pub(crate) fn compare(
    old: &ProtobufSchema,
    new: &ProtobufSchema,
    rules: ProtobufRules,
    limits: &Limits,
) -> Result<Vec<Finding>, SchemaError> {
    let mut walk = Walk { old, new, rules, steps: Steps::new(limits), findings: Vec::new() };
    walk.file();
    walk.messages()?;
    walk.enumerations()?;
    Ok(walk.findings)
}

pub(super) struct Walk<'a> {
    pub(super) old: &'a ProtobufSchema,
    pub(super) new: &'a ProtobufSchema,
    pub(super) rules: ProtobufRules,
    pub(super) steps: Steps,
    pub(super) findings: Vec<Finding>,
}

impl Walk<'_> {
    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A rule of the wire: whether bytes stay readable and numbers are not used again. It looks the same from both sides.
    pub(super) fn is_wire(&self) -> bool {
        self.rules != ProtobufRules::Confluent
    }

    fn file(&mut self) {
        let root = Path::root();
        if self.old.package != self.new.package {
            let (from, to) = (shown(&self.old.package), shown(&self.new.package));
            let sentence =
                format!("the package changed from `{from}` to `{to}`: every message has another full name, and registries refuse it");
            self.report(
                Finding::new(&root, Kind::PackageChanged, sentence)
                    .breaks(true, true)
                    .cure("keep the package; for a new one use a new topic"),
            );
        }
        if self.old.syntax != self.new.syntax {
            let (from, to) = (shown(&self.old.syntax), shown(&self.new.syntax));
            let sentence =
                format!("the syntax changed from {from} to {to}: defaults, presence and unknown enum values are treated otherwise");
            let finding = Finding::new(&root, Kind::SyntaxChanged, sentence).contract(Verdict::Warning);
            self.report(finding.cure("look at fields without `optional` and at enums"));
        }
    }

    fn messages(&mut self) -> Result<(), SchemaError> {
        let (old, new) = (self.old, self.new);
        let confluent = self.rules == ProtobufRules::Confluent;
        for (key, before) in &old.messages {
            self.steps.take()?;
            let path = Path::named(&new.full(key));
            match new.messages.get(key) {
                Some(after) => self.message(before, after, &path)?,
                // What is imported may be imported no longer; the fields that were of it tell.
                None if key.starts_with('.') => {}
                None => {
                    let sentence = format!("message `{}` was removed: nobody can read events that hold it", shown(key));
                    let finding = Finding::new(&path, Kind::MessageRemoved, sentence).breaks(confluent, false);
                    self.report(finding.contract(Verdict::Breaking).cure("keep it until no topic holds it"));
                }
            }
        }
        for key in new.messages.keys().filter(|key| !old.messages.contains_key(*key) && !key.starts_with('.')) {
            let finding = Finding::new(&Path::named(&new.full(key)), Kind::MessageAdded, format!("message `{}` was added", shown(key)));
            // A registry that checks FORWARD checks BACKWARD with the schemas exchanged: the message is then one that was removed.
            self.report(
                finding.breaks(false, confluent).contract(Verdict::Fine).cure("add it after consumers know it, or in a file of its own"),
            );
        }
        Ok(())
    }

    fn message(&mut self, old: &Message, new: &Message, path: &Path) -> Result<(), SchemaError> {
        self.fields(old, new, path)?;
        self.oneofs(old, new, path);
        self.reservations(&old.reserved, &new.reserved, path);
        Ok(())
    }

    pub(super) fn reservations(&mut self, old: &super::model::Reserved, new: &super::model::Reserved, path: &Path) {
        // Ranges may be cut differently and say the same; their ends are what can be told in a few steps.
        let number = old.numbers.iter().flat_map(|(first, last)| [*first, *last]).find(|number| !new.number(*number));
        let name = old.names.iter().find(|name| !new.name(name));
        let what = match (number, name) {
            (Some(number), _) => format!("number {number}"),
            (None, Some(name)) => format!("name `{}`", shown(name)),
            (None, None) => return,
        };
        let wire = self.is_wire();
        let sentence = format!("{what} is reserved no longer: it may be used again, and old events read wrongly");
        let finding = Finding::new(path, Kind::ReservationRemoved, sentence).breaks(wire, wire).contract(Verdict::Warning);
        self.report(finding.cure(format!("keep {what} reserved")));
    }
}
