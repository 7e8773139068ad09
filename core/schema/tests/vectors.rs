//! Our own vectors: pairs of schemas as data, one folder per format, with what every level says and the exact words of the contract.
//!
//! `ONCEWARD_WRITE_VECTORS=1` writes sentences and cures (never verdicts, kinds or paths) into the files, to be read before they are committed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use onceward_schema::{Difference, Format, JsonPolicy, Kind, Level, Limits, ProtobufRules, Rules, Schema, Source, Verdict, compare, worst};
use serde_json::{Value, json};

fn files(format: Format) -> Vec<PathBuf> {
    let folder = match format {
        Format::Avro => "avro",
        Format::Json => "json",
        Format::Protobuf => "protobuf",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// A schema is an object, or a text, or the lines of one.
fn schema(format: Format, case: &Value, side: &str) -> Schema {
    let text = match &case[side] {
        Value::String(text) => text.clone(),
        Value::Array(lines) if format == Format::Protobuf => lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    };
    let mut source = Source::new(format!("{side} of {}", case["name"]), text);
    for (name, text) in case["references"].as_object().into_iter().flatten() {
        source = source.with(name, text.as_str().map_or_else(|| text.to_string(), str::to_owned));
    }
    Schema::parse(format, &source, &Limits::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn rules(level: Level, case: &Value) -> Rules {
    let json = if case["policy"] == "lenient" { JsonPolicy::Lenient } else { JsonPolicy::Strict };
    let protobuf = match case["rules"].as_str() {
        Some("wire") => ProtobufRules::Wire,
        Some("wire_json") => ProtobufRules::WireJson,
        _ => ProtobufRules::Confluent,
    };
    Rules { level, json, protobuf }
}

fn run(format: Format) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    let mut wrong = Vec::new();
    for file in files(format) {
        let mut cases: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        for case in cases.as_array_mut().unwrap() {
            let name = format!("{}: {}", file.file_name().unwrap().to_string_lossy(), case["name"]);
            let (old, new) = (schema(format, case, "old"), schema(format, case, "new"));
            let check = |level| compare(&old, &new, &rules(level, case), &Limits::default()).unwrap();
            let fine = |level| worst(&check(level)) < Verdict::Breaking;
            let says = json!({ "backward": fine(Level::Backward), "forward": fine(Level::Forward) });
            assert_eq!(fine(Level::Full), fine(Level::Backward) && fine(Level::Forward), "{name}");
            for level in ["backward", "forward"] {
                if !case[level].is_null() && case[level] != says[level] {
                    wrong.push(format!("{name}: {level} is {}, not {}: {:#?}", says[level], case[level], check(Level::Full)));
                }
            }
            if case["contract"].is_null() {
                kinds.extend(check(Level::Full).iter().map(|difference| difference.kind));
                continue;
            }
            let contract = check(Level::Contract);
            kinds.extend(contract.iter().map(|difference| difference.kind));
            judge(&name, case, &contract, &mut wrong);
        }
        let has_words = cases.as_array().unwrap().iter().any(|case| !case["contract"].is_null());
        if has_words && std::env::var_os("ONCEWARD_WRITE_VECTORS").is_some() {
            fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&cases).unwrap())).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    kinds
}

fn judge(name: &str, case: &mut Value, differences: &[Difference], wrong: &mut Vec<String>) {
    let told: Vec<Value> = differences.iter().map(|difference| serde_json::to_value(difference).unwrap()).collect();
    let short = |all: &[Value]| -> Vec<String> {
        all.iter().map(|one| format!("{} {} {}", one["verdict"], one["kind"], one["path"]).replace('"', "")).collect()
    };
    let expected = case["contract"].as_array().unwrap().clone();
    if short(&told) != short(&expected) {
        return wrong.push(format!("{name}:\n  told     {:?}\n  expected {:?}", short(&told), short(&expected)));
    }
    for (index, (told, expected)) in told.iter().zip(&expected).enumerate() {
        for words in ["sentence", "cure"] {
            if std::env::var_os("ONCEWARD_WRITE_VECTORS").is_some() {
                if let Some(text) = told.get(words) {
                    case["contract"][index][words] = text.clone();
                }
            } else if told.get(words) != expected.get(words) {
                wrong.push(format!("{name}: {words}\n  told     {:?}\n  expected {:?}", told.get(words), expected.get(words)));
            }
        }
    }
}

#[test]
fn avro() {
    run(Format::Avro);
}

#[test]
fn json() {
    run(Format::Json);
}

#[test]
fn protobuf() {
    run(Format::Protobuf);
}
