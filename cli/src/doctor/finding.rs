//! What the doctor found, each with its cure.

use std::io::{self, Write};

use clap::builder::styling::AnsiColor;
use serde::Serialize;

use crate::output::{Report, visible};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It will work, and may surprise.
    Warn,
    /// It will not work, or not as promised.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// What was checked: a word that stays the same between versions.
    pub(crate) check: &'static str,
    /// Of what: a topic, a file, a broker.
    pub(crate) subject: String,
    pub(crate) message: String,
    /// What to do; none where nothing is to be done.
    pub(crate) cure: Option<String>,
}

/// All of them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Diagnosis {
    /// Whether nothing failed.
    pub(crate) ok: bool,
    findings: Vec<Finding>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, check, subject: subject.into(), message: message.into(), cure: None }
    }

    pub(crate) fn warn(check: &'static str, subject: impl Into<String>, message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, cure: Some(cure.into()), ..Self::ok(check, subject, message) }
    }

    pub(crate) fn fail(check: &'static str, subject: impl Into<String>, message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, cure: Some(cure.into()), ..Self::ok(check, subject, message) }
    }
}

impl Diagnosis {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn finish(mut self) -> Self {
        self.ok = self.findings.iter().all(|finding| finding.verdict < Verdict::Fail);
        self
    }
}

impl Report for Diagnosis {
    fn render(&self, to: &mut dyn Write) -> io::Result<()> {
        for finding in &self.findings {
            let (word, color) = match finding.verdict {
                Verdict::Ok => ("ok  ", AnsiColor::Green),
                Verdict::Warn => ("warn", AnsiColor::Yellow),
                Verdict::Fail => ("fail", AnsiColor::Red),
            };
            let style = color.on_default().bold();
            writeln!(to, "{style}{word}{style:#}  {:<14} {}: {}", finding.check, visible(&finding.subject), visible(&finding.message))?;
            if let Some(cure) = &finding.cure {
                writeln!(to, "      {:<14} → {}", "", visible(cure))?;
            }
        }
        let count = |verdict| self.findings.iter().filter(|finding| finding.verdict == verdict).count();
        writeln!(to, "\n{} ok, {} to look at, {} failed", count(Verdict::Ok), count(Verdict::Warn), count(Verdict::Fail))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
    use super::*;

    #[test]
    fn every_finding_stands_with_its_cure() {
        let mut diagnosis = Diagnosis::default();
        diagnosis.add(Finding::ok("brokers", "localhost:9092", "1 broker"));
        diagnosis.add(Finding::fail("topic", "orders\u{1b}[2J", "does not exist", "create it"));
        let diagnosis = diagnosis.finish();
        let mut text = anstream::StripStream::new(Vec::new());
        diagnosis.render(&mut text).unwrap();
        let expected = "\
ok    brokers        localhost:9092: 1 broker
fail  topic          orders\\x1b[2J: does not exist
                     → create it

1 ok, 0 to look at, 1 failed
";
        assert_eq!(String::from_utf8(text.into_inner()).unwrap(), expected);
        assert!(!diagnosis.ok);
    }
}
