//! One file with the text of every licence: each text once, under the names of those that have it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::Part;
use crate::failure::{Doing as _, Outcome};

const HEAD: &str = "What this package holds of others, and under which licences. Generated from the sources that it was built from.\n\n";
const RULE: &str = "\n================================================================================\n";

pub(super) fn write(parts: &[Part], to: &Path) -> Outcome<()> {
    fs::write(to, document(parts)?).doing(format_args!("write {}", to.display()))
}

fn document(parts: &[Part]) -> Outcome<String> {
    let mut all = HEAD.to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in parts {
        let title = part.version.as_ref().map_or_else(|| part.name.clone(), |version| format!("{} {version}", part.name));
        // Writing into a text can't fail.
        writeln!(all, "{title}: {}", part.licence).unwrap_or_default();
        for file in &part.texts {
            let bytes = fs::read(file).doing(format_args!("read {}", file.display()))?;
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned();
            texts.entry(text).or_default().push(title.clone());
        }
        if let Some(said) = part.said {
            texts.entry(said.trim().to_owned()).or_default().push(title);
        }
    }
    for (text, owners) in texts {
        write!(all, "{RULE}{}\n\n{text}\n", owners.join(", ")).unwrap_or_default();
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    fn part(name: &str, text: &'static str) -> Part {
        Part { name: name.to_owned(), version: None, licence: "MIT".to_owned(), purl: None, texts: Vec::new(), said: Some(text) }
    }

    #[test]
    fn a_text_that_two_parts_have_stands_there_once_with_both_names() {
        let all = document(&[part("a", "May be used."), part("b", "May be used.\n"), part("c", "May be sold.")]).unwrap();
        assert_eq!(all.matches("May be used.").count(), 1);
        assert!(all.contains("a, b\n\nMay be used.") && all.contains("c\n\nMay be sold.") && all.contains("b: MIT"), "{all}");
    }
}
