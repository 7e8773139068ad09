//! What a page shows of a program is what the program says: the pages are read first, and nobody compiles them.

use super::files::Source;

const PROGRAM: &str = "examples/billing/src/main.rs";
const TESTS: &str = "examples/billing/src/tests.rs";
/// Pages, and which regions of which file each of them shows in one block.
const PAGES: [(&str, &str, &[&str]); 11] = [
    ("README.md", PROGRAM, &["imports", "handler", "main"]),
    ("docs/guide/quickstart.md", PROGRAM, &["handler"]),
    ("docs/guide/testing.md", TESTS, &["once"]),
    ("docs/guide/testing.md", TESTS, &["poison"]),
    ("docs/guide/testing.md", TESTS, &["crash"]),
    ("docs/guide/kotlin.md", "examples/kotlin/src/main/kotlin/Billing.kt", &["service"]),
    ("docs/guide/kotlin.md", "examples/kotlin/src/test/kotlin/BillingTest.kt", &["rig"]),
    ("docs/guide/kotlin.md", "examples/java/src/main/java/Billing.java", &["service"]),
    ("docs/guide/kotlin-migration.md", "examples/spring/src/main/java/com/example/billing/Invoices.java", &["handler"]),
    ("docs/guide/kotlin-migration.md", "examples/spring/src/main/java/com/example/billing/Billing.java", &["billing"]),
    ("docs/guide/kotlin-migration.md", "examples/spring/src/main/java/com/example/billing/Runs.java", &["runs"]),
];

/// Complains about pages that show something else.
pub(super) fn check(files: &[Source], complaints: &mut Vec<String>) {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    for (page, shown, regions) in PAGES {
        let Some(program) = text(shown) else {
            complaints.push(format!("{shown} is missing: {page} shows it"));
            continue;
        };
        let parts: Option<Vec<String>> = regions.iter().map(|name| region(program, name)).collect();
        match parts {
            None => complaints.push(format!("{shown}: one of the regions `{}` is not marked", regions.join("`, `"))),
            Some(parts) if text(page).is_some_and(|text| text.contains(&parts.join("\n"))) => {}
            Some(_) => complaints.push(format!("{page} does not show `{}` of {shown} as they are", regions.join("`, `"))),
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
    use super::{PROGRAM, Source, TESTS, check};

    const MAIN: &str =
        "// shown: imports\nuse a;\n// end\n\n// shown: handler\nfn b() {}\n// end\n\n// shown: main\nfn main() {}\n// end\n";

    fn complaints(readme: &str) -> Vec<String> {
        let file = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let tests = "// shown: once\nt1\n// end\n// shown: poison\nt2\n// end\n// shown: crash\nt3\n// end\n";
        let files = [
            file(PROGRAM, MAIN),
            file(TESTS, tests),
            file("README.md", readme),
            file("docs/guide/quickstart.md", "```rust\nuse x;\n\nfn b() {}\n```\n"),
            file("docs/guide/testing.md", "t1\nt2\nt3\n"),
            file("examples/kotlin/src/main/kotlin/Billing.kt", "// shown: service\nk1\n// end\n"),
            file("examples/kotlin/src/test/kotlin/BillingTest.kt", "// shown: rig\nk2\n// end\n"),
            file("examples/java/src/main/java/Billing.java", "// shown: service\nj1\n// end\n"),
            file("docs/guide/kotlin.md", "k1\nk2\nj1\n"),
            file("examples/spring/src/main/java/com/example/billing/Invoices.java", "// shown: handler\ns1\n// end\n"),
            file("examples/spring/src/main/java/com/example/billing/Billing.java", "// shown: billing\ns2\n// end\n"),
            file("examples/spring/src/main/java/com/example/billing/Runs.java", "// shown: runs\ns3\n// end\n"),
            file("docs/guide/kotlin-migration.md", "s1\ns2\ns3\n"),
        ];
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
