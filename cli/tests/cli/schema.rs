//! `onceward schema check` and `diff`: answers and exit codes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{Answer, onceward};

const OLD: &str = r#"{"type":"object","properties":{"id":{"type":"string"},"total":{"type":"number"}},"required":["id"]}"#;
const OPTIONAL: &str =
    r#"{"type":"object","properties":{"id":{"type":"string"},"total":{"type":"number"},"note":{"type":"string"}},"required":["id"]}"#;
const RENAMED: &str = r#"{"type":"object","properties":{"id":{"type":"string"},"amount":{"type":"number"}},"required":["id"]}"#;
const WIDENED: &str = r#"{"type":"object","properties":{"id":{"type":["string","null"]},"total":{"type":"number"}},"required":["id"]}"#;

fn check(folder: &Path, new: &str, more: &[&str]) -> Answer {
    fs::write(folder.join("old.json"), OLD).unwrap();
    fs::write(folder.join("new.json"), new).unwrap();
    let arguments: Vec<&str> = ["schema", "check", "--old", "old.json", "--new", "new.json"].iter().chain(more).copied().collect();
    onceward(folder, &arguments, &[])
}

#[test]
fn exit_codes_tell_yes_no_and_cannot_say() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (new, more, code, end) in [
        (OPTIONAL, &[][..], 0, "compatible\n"),
        (RENAMED, &[], 1, "not compatible; breaking: 1, warnings: 0\n"),
        (WIDENED, &[], 0, "compatible; warnings: 1\n"),
        (WIDENED, &["--strict"], 1, "not compatible, since --strict counts warnings: 1\n"),
        (OPTIONAL, &["--level", "BACKWARD"], 1, "not compatible; breaking: 1, warnings: 0\n"),
        (OPTIONAL, &["--level", "full", "--policy", "lenient"], 0, "compatible\n"),
        (RENAMED, &["--level", "NONE"], 0, "compatible\n"),
    ] {
        let answer = check(folder, new, more);
        assert_eq!((answer.code, answer.stderr.as_str()), (code, ""), "{more:?}: {}", answer.stdout);
        assert!(answer.stdout.ends_with(end), "{more:?}: {}", answer.stdout);
    }
    assert_eq!(check(folder, OPTIONAL, &["--level", "SIDEWAYS"]).code, 2);
    let broken = check(folder, "{", &[]);
    assert_eq!((broken.code, broken.stdout.as_str()), (3, ""), "{}", broken.stderr);
    assert!(broken.stderr.contains("new.json: it is no JSON"), "{}", broken.stderr);
    let lost = check(folder, r#"{"$ref":"https://example.com/order.json"}"#, &[]);
    assert_eq!(lost.code, 3, "nothing is fetched: {}", lost.stdout);
    assert!(lost.stderr.ends_with("nothing is fetched (--include FOLDER)\n"), "{}", lost.stderr);
    let nothing = onceward(folder, &["schema", "check", "--old", "nowhere.json", "--new", "old.json"], &[]);
    assert_eq!(nothing.code, 3, "nothing to compare with is not fine: {}", nothing.stdout);
    let first = onceward(folder, &["schema", "check", "--old", "nowhere.json", "--new", "old.json", "--allow-first"], &[]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let outside = onceward(folder, &["schema", "check", "--old", "git:main:old.json", "--new", "old.json"], &[("PATH", env!("PATH"))]);
    assert_eq!(outside.code, 3, "{}", outside.stdout);
    assert!(outside.stderr.contains("git"), "{}", outside.stderr);
}

#[test]
fn a_document_for_programs_and_annotations_for_github() {
    let folder = tempfile::tempdir().unwrap();
    let answer = check(folder.path(), RENAMED, &["--json"]);
    let document: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((answer.code, document["passed"].as_bool(), document["verdict"].as_str()), (1, Some(false), Some("breaking")));
    let difference = &document["compared"][0]["differences"][0];
    assert_eq!((difference["kind"].as_str(), difference["path"].as_str()), (Some("field_renamed"), Some("$.total")));
    assert!(difference["cure"].as_str().unwrap().starts_with("JSON has no aliases"));
    let answer = check(folder.path(), RENAMED, &["--format", "github"]);
    assert!(
        answer.stdout.starts_with("::error file=new.json,line=1,title=field_renamed::$.total: property `total` looks renamed"),
        "{}",
        answer.stdout
    );
}

#[test]
fn a_change_since_a_revision_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").current_dir(folder.path()).args(identity).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    fs::write(folder.path().join("order.json"), OLD).unwrap();
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    fs::write(folder.path().join("order.json"), OPTIONAL).unwrap();
    let arguments = ["schema", "diff", "--old", "git:main:order.json", "--new", "order.json"];
    let answer = onceward(folder.path(), &arguments, &[("PATH", env!("PATH"))]);
    assert_eq!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(answer.stdout, "--- git:main:order.json\n+++ order.json\n+ $.note  optional property `note` was added (fine)\n");
}
