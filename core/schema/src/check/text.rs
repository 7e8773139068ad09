//! The answer for people.

use std::io::{self, Write};

use super::report::Report;
use crate::difference::{Difference, Verdict};
use crate::kind::Kind;
use crate::text::shown;

impl Report {
    /// The answer of a check: every difference with its cure, and the verdict last.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let rules = self.rules.level.name();
        for one in &self.compared {
            writeln!(to, "{} against {} ({rules})", shown(&self.new), shown(&one.old))?;
            if one.differences.is_empty() {
                writeln!(to, "  nothing differs")?;
            }
            for difference in &one.differences {
                writeln!(to, "  {:8}  {}  {}", verdict(difference.verdict), difference.path, difference.sentence)?;
                if let Some(cure) = &difference.cure {
                    writeln!(to, "            cure: {cure}")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(to, "note: {note}")?;
        }
        let count = |verdict| self.compared.iter().flat_map(|one| &one.differences).filter(|one| one.verdict == verdict).count();
        let (breaking, warnings) = (count(Verdict::Breaking), count(Verdict::Warning));
        let end = match (self.passed, self.verdict) {
            (true, Verdict::Fine) => "compatible".to_owned(),
            (true, _) => format!("compatible; warnings: {warnings}"),
            (false, Verdict::Warning) => format!("not compatible, since --strict counts warnings: {warnings}"),
            (false, _) => format!("not compatible; breaking: {breaking}, warnings: {warnings}"),
        };
        writeln!(to, "{end}")
    }

    /// The change as a person reads it: `+` what is new, `-` what is gone, `~` what is otherwise.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write_diff(&self, to: &mut dyn Write) -> io::Result<()> {
        for one in &self.compared {
            writeln!(to, "--- {}\n+++ {}", shown(&one.old), shown(&self.new))?;
            for difference in &one.differences {
                writeln!(to, "{} {}  {} ({})", sign(difference), difference.path, difference.sentence, verdict(difference.verdict))?;
            }
            if one.differences.is_empty() {
                writeln!(to, "nothing differs")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(to, "note: {note}"))
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "fine",
        Verdict::Warning => "warning",
        Verdict::Breaking => "breaking",
    }
}

fn sign(difference: &Difference) -> char {
    match difference.kind {
        Kind::FieldAdded | Kind::RequiredFieldAdded | Kind::MessageAdded | Kind::EnumAdded | Kind::MemberAdded | Kind::DependencyAdded => {
            '+'
        }
        Kind::FieldRemoved
        | Kind::MessageRemoved
        | Kind::EnumRemoved
        | Kind::MemberRemoved
        | Kind::OneofMemberRemoved
        | Kind::DependencyRemoved => '-',
        _ => '~',
    }
}
