//! What a page shows of a program is what the program says: the pages are read first, and nobody compiles them.

use super::files::Source;

const PROGRAM: &str = "examples/billing/src/main.rs";
/// Pages, and which regions of the program each of them shows in one block.
const PAGES: [(&str, &[&str]); 2] = [("README.md", &["imports", "handler", "main"]), ("docs/guide/quickstart.md", &["handler"])];

/// Complains about pages that show something else.
pub(super) fn check(files: &[Source], complaints: &mut Vec<String>) {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let Some(program) = text(PROGRAM) else {
        return complaints.push(format!("{PROGRAM} is missing: README.md shows it"));
    };
    for (page, regions) in PAGES {
        let parts: Option<Vec<String>> = regions.iter().map(|name| region(program, name)).collect();
        match parts {
            None => complaints.push(format!("{PROGRAM}: one of the regions `{}` is not marked", regions.join("`, `"))),
            Some(parts) if text(page).is_some_and(|text| text.contains(&parts.join("\n"))) => {}
            Some(_) => complaints.push(format!("{page} does not show `{}` of {PROGRAM} as they are", regions.join("`, `"))),
        }
    }
}

/// The lines between `// shown: NAME` and `// end`.
fn region(program: &str, name: &str) -> Option<String> {
    let (_, rest) = program.split_once(&format!("// shown: {name}\n"))?;
    let (shown, _) = rest.split_once("// end\n")?;
    Some(shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{PAGES, PROGRAM, Source, check};

    const MAIN: &str =
        "// shown: imports\nuse a;\n// end\n\n// shown: handler\nfn b() {}\n// end\n\n// shown: main\nfn main() {}\n// end\n";

    fn complaints(readme: &str) -> Vec<String> {
        let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let files = [file(PROGRAM, MAIN), file(PAGES[0].0, readme), file(PAGES[1].0, "```rust\nuse x;\n\nfn b() {}\n```\n")];
        let mut complaints = Vec::new();
        check(&files, &mut complaints);
        complaints
    }

    #[test]
    fn a_page_that_shows_something_else_is_named() {
        assert!(complaints("```rust\nuse a;\n\nfn b() {}\n\nfn main() {}\n```\n").is_empty());
        let wrong = complaints("```rust\nuse a;\n\nfn b() { }\n\nfn main() {}\n```\n");
        assert!(wrong.iter().all(|complaint| complaint.starts_with("README.md")) && wrong.len() == 1, "{wrong:?}");
    }
}
