//! Checks of files, folders and git revisions, as a person or a CI job asks for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::Command;

use onceward_schema::check::{CheckError, Old, Report, Request};
use onceward_schema::{Level, Limits, Rules, Verdict};

const V1: &str = r#"{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "string"}
]}"#;
const V2: &str = r#"{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "string"},
  {"name": "note", "type": "string", "default": ""}
]}"#;
const BROKEN: &str = r#"{"type": "record", "name": "Order", "fields": [
  {"name": "id", "type": "string"},
  {"name": "total", "type": "double"}
]}"#;

fn request(old: &str, new: &Path, level: Level) -> Request {
    Request {
        old: old.parse().unwrap(),
        new: new.to_owned(),
        format: None,
        rules: Rules::new(level),
        strict: false,
        include: Vec::new(),
        allow_first: false,
        limits: Limits::default(),
    }
}

fn told(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn text(report: &Report) -> String {
    told(|to| report.write(to))
}

#[test]
fn a_file_against_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (old, good, bad) = (at("old.avsc", V1), at("good.avsc", V2), at("bad.avsc", BROKEN));
    let report = request(old.to_str().unwrap(), &good, Level::Contract).check().unwrap();
    assert!(report.passed && report.verdict == Verdict::Fine);
    assert!(text(&report).ends_with("\ncompatible\n"));
    let report = request(old.to_str().unwrap(), &bad, Level::Contract).check().unwrap();
    assert!(!report.passed);
    let told_text = text(&report);
    assert!(told_text.contains("breaking  $.total  required field `total` was added"), "{told_text}");
    assert!(told_text.contains("cure: give it a default"), "{told_text}");
    let annotations = told(|to| report.write_annotations(to));
    assert!(annotations.contains(&format!("::error file={},line=3,title=required_field_added::$.total: ", bad.display())), "{annotations}");
    assert!(annotations.contains("%0ACure: give it a default"), "{annotations}");
    assert_eq!(annotations.lines().count(), 1);
    assert!(told(|to| report.write_diff(to)).contains("\n+ $.total  required field"));
    let document = serde_json::to_value(&report).unwrap();
    assert_eq!(document["compared"][0]["differences"][0]["kind"], "required_field_added");
    assert_eq!((document["level"].as_str(), document["passed"].as_bool()), (Some("CONTRACT"), Some(false)));
    assert!(request(old.to_str().unwrap(), &bad, Level::Forward).check().unwrap().passed);
}

#[test]
fn a_folder_of_versions_is_read_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("v1.avsc", BROKEN), ("v2.avsc", V1), ("v10.avsc", V2), ("readme.md", "# no schema")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let new = folder.path().join("v10.avsc");
    let old = folder.path().to_str().unwrap();
    let latest = request(old, &new, Level::Backward).check().unwrap();
    assert_eq!(latest.compared.len(), 1);
    assert!(latest.compared[0].old.ends_with("v2.avsc"), "the new file is not compared with itself: {}", latest.compared[0].old);
    let all = request(old, &new, Level::ForwardTransitive).check().unwrap();
    assert_eq!(all.compared.iter().map(|one| one.old.rsplit('/').next().unwrap()).collect::<Vec<_>>(), ["v2.avsc", "v1.avsc"]);
    assert!(!all.passed && all.compared[0].differences.iter().all(|one| one.verdict == Verdict::Fine));
}

#[test]
fn warnings_fail_only_a_strict_check() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old.proto"), folder.path().join("new.proto"));
    fs::write(&old, "syntax = \"proto3\"; message A { int32 n = 1; }").unwrap();
    fs::write(&new, "syntax = \"proto3\"; message A { int64 n = 1; }").unwrap();
    let mut request = request(old.to_str().unwrap(), &new, Level::Contract);
    let report = request.check().unwrap();
    assert!(report.passed && report.verdict == Verdict::Warning && text(&report).ends_with("compatible; warnings: 1\n"));
    request.strict = true;
    let report = request.check().unwrap();
    assert!(!report.passed && told(|to| report.write_annotations(to)).starts_with("::error "));
}

#[test]
fn what_could_not_be_checked_is_never_fine() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.avsc");
    fs::write(&new, V1).unwrap();
    let missing = folder.path().join("missing.avsc");
    let mut request = request(missing.to_str().unwrap(), &new, Level::Contract);
    assert!(matches!(request.check().unwrap_err(), CheckError::NoOldVersion(_)));
    request.allow_first = true;
    let report = request.check().unwrap();
    assert!(report.passed && report.notes[0].contains("the first one"));
    let broken = folder.path().join("broken.avsc");
    fs::write(&broken, "{").unwrap();
    request.old = Old::Path(broken.clone());
    assert!(matches!(request.check().unwrap_err(), CheckError::Schema(_)));
    (request.old, request.new) = (Old::Path(new.clone()), broken);
    assert!(matches!(request.check().unwrap_err(), CheckError::Schema(_)));
    request.new = missing;
    assert!(matches!(request.check().unwrap_err(), CheckError::Unreadable(_)));
    let unnamed = folder.path().join("schema");
    fs::write(&unnamed, V1).unwrap();
    request.new = unnamed;
    assert!(matches!(request.check().unwrap_err(), CheckError::Usage(_)));
    assert!("git:main".parse::<Old>().is_err() && "git:--output=x:y".parse::<Old>().is_err());
}

#[test]
fn what_is_imported_is_found_below_the_folders_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("common/money")).unwrap();
    fs::write(folder.path().join("common/money/money.proto"), "syntax = \"proto3\"; package m; message Money { int64 units = 1; }")
        .unwrap();
    let (old, new) = (folder.path().join("old.proto"), folder.path().join("new.proto"));
    let order = |more: &str| format!("syntax = \"proto3\"; import \"money/money.proto\"; message A {{ m.Money total = 1; {more} }}");
    fs::write(&old, order("")).unwrap();
    fs::write(&new, order("string note = 2;")).unwrap();
    let mut request = request(old.to_str().unwrap(), &new, Level::Contract);
    let CheckError::Schema(error) = request.check().unwrap_err() else { panic!("an import was found though nobody named its folder") };
    assert!(error.to_string().contains("hand in what is imported: `money/money.proto`"), "{error}");
    request.include = vec![folder.path().join("common")];
    assert!(request.check().unwrap().passed);
}

#[test]
fn avro_types_of_other_files_are_found_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let order = |more: &str| {
        let fields = format!(r#"[{{"name": "total", "type": "shop.common.Money"}}{more}]"#);
        format!(r#"{{"type": "record", "namespace": "shop", "name": "Order", "fields": {fields}}}"#)
    };
    let old = at("a-order-1.avsc", &order(""));
    let new = at("a-order-2.avsc", &order(r#", {"name": "note", "type": "string", "default": ""}"#));
    at("money.avsc", r#"{"type": "record", "namespace": "shop.common", "name": "Money", "fields": []}"#);
    at("package.json", r#"{"name": "shop"}"#);
    let mut request = request(old.to_str().unwrap(), &new, Level::FullTransitive);
    // Other versions of the schema itself stand beside what it refers to.
    request.include = vec![folder.path().to_owned()];
    let report = request.check().unwrap();
    assert!(report.passed && report.compared[0].differences.len() == 1, "{report:#?}");
}

/// Checks run in the current folder, and tests share one: this asks the command of git from within a repository of its own.
#[test]
fn a_file_against_a_revision() {
    if std::env::var_os("ONCEWARD_TEST_WITHIN").is_some() {
        return within_a_repository();
    }
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(folder.path())
            .args(["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "-q"]);
    fs::create_dir(folder.path().join("schemas")).unwrap();
    fs::write(folder.path().join("schemas/order.avsc"), V1).unwrap();
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    git(&["tag", "v1"]);
    fs::write(folder.path().join("schemas/order.avsc"), BROKEN).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .current_dir(folder.path())
        .args(["--exact", "a_file_against_a_revision", "--nocapture"])
        .env("ONCEWARD_TEST_WITHIN", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn within_a_repository() {
    let new = Path::new("schemas/order.avsc");
    let report = request("git:v1:schemas/order.avsc", new, Level::Contract).check().unwrap();
    assert!(!report.passed && report.compared[0].old == "git:v1:schemas/order.avsc", "{report:#?}");
    let folder = request("git:HEAD:schemas", new, Level::BackwardTransitive).check().unwrap();
    assert_eq!(folder.compared[0].old, "git:HEAD:schemas/order.avsc");
    let absent = request("git:v1:schemas/other.avsc", new, Level::Contract).check().unwrap_err();
    assert!(matches!(absent, CheckError::NoOldVersion(_)), "{absent}");
    // A revision that is not there says nothing about its files, even if a first version were fine.
    let unknown = Request { allow_first: true, ..request("git:nowhere:schemas/order.avsc", new, Level::Contract) };
    assert!(matches!(unknown.check().unwrap_err(), CheckError::Unreadable(_)));
}
