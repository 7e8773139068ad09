//! The answer for GitHub: annotations at lines of the new file.

use std::io::{self, Write};

use super::report::Report;
use crate::difference::Verdict;

impl Report {
    /// One workflow command for each difference that somebody should look at.
    ///
    /// # Errors
    /// Writing failed.
    pub fn write_annotations(&self, to: &mut dyn Write) -> io::Result<()> {
        for one in &self.compared {
            for difference in &one.differences {
                let command = match difference.verdict {
                    Verdict::Breaking => "error",
                    Verdict::Warning if self.strict => "error",
                    Verdict::Warning => "warning",
                    Verdict::Fine => continue,
                };
                let line = line(&self.text, &difference.path);
                let cure = difference.cure.as_ref().map_or(String::new(), |cure| format!("\nCure: {cure}"));
                let words = format!("{}: {} (against {}){cure}", difference.path, difference.sentence, one.old);
                let (file, title) = (property(&self.new), property(difference.kind.name()));
                writeln!(to, "::{command} file={file},line={line},title={title}::{}", data(&words))?;
            }
        }
        for note in &self.notes {
            writeln!(to, "::notice file={}::{}", property(&self.new), data(note))?;
        }
        Ok(())
    }
}

/// The first line that holds the last name of the path; what was removed has none and is told at the top.
fn line(text: &str, path: &str) -> usize {
    let is_name = |character: char| character.is_alphanumeric() || character == '_' || character == '-';
    let Some(name) = path.split(|character| !is_name(character)).rfind(|name| !name.is_empty()) else { return 1 };
    let holds = |line: &str| line.split(|character| !is_name(character)).any(|word| word == name);
    text.lines().position(holds).map_or(1, |at| at + 1)
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
