//! What the reference says is what the code says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use onceward_schema::Kind;

#[test]
fn the_reference_lists_every_kind() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/schemas.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, kinds) = page.split_once("## Kinds").unwrap();
    let listed: Vec<&str> = kinds.lines().filter(|line| line.starts_with("| `")).collect();
    let known: Vec<String> = Kind::ALL.iter().map(|kind| format!("| `{}` | {} |", kind.name(), kind.meaning())).collect();
    assert_eq!(listed, known);
}
