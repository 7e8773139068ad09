//! Schemas that are nearly schemas: no input panics, and what can be parsed can be compared, with anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "soundness/dice.rs"]
mod dice;

use std::path::Path;

use dice::Dice;
use onceward_schema::{Format, Level, Limits, Rules, Schema, Source, compare};
use serde_json::Value;

const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    ";",
    "=",
    "0",
    "-1",
    "1e400",
    "18446744073709551616",
    "null",
    "true",
    "\"type\"",
    "\"$ref\":\"#\"",
    "\\u0000",
    "\u{202e}",
    "message A {",
    "oneof x {",
    "reserved 1 to max;",
    "map<string,",
    "\"default\":",
];

fn texts(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(folder);
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("contract.json")).unwrap()).unwrap();
    let text = |schema: &Value| match schema {
        Value::Array(lines) if lines.iter().all(Value::is_string) => {
            lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    };
    cases.as_array().unwrap().iter().flat_map(|case| [text(&case["old"]), text(&case["new"])]).collect()
}

/// Cut, repeated, or with something in it that does not belong there.
fn spoilt(dice: &mut Dice, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..1 + dice.below(3) {
        let from = dice.below(characters.len() + 1);
        let to = (from + dice.below(20)).min(characters.len());
        match dice.below(4) {
            0 => drop(characters.drain(from..to)),
            1 => {
                let again: Vec<char> = characters[from..to].to_vec();
                characters.splice(from..from, again);
            }
            _ => {
                let token: Vec<char> = dice.pick::<&str>(&TOKENS).chars().collect();
                characters.splice(from..if dice.one_in(2) { to } else { from }, token);
            }
        }
    }
    characters.into_iter().collect()
}

fn run(format: Format, folder: &str, times: usize) {
    let texts = texts(folder);
    let dice = &mut Dice::new(7);
    let limits = Limits { steps: 20_000, ..Limits::default() };
    let (mut parsed, mut refused): (Vec<Schema>, u32) = (Vec::new(), 0);
    for text in texts.iter().cycle().take(texts.len() * times) {
        match Schema::parse(format, &Source::new("garbage", spoilt(dice, text)), &limits) {
            Ok(schema) => {
                if let Some(other) = parsed.last() {
                    for (old, new) in [(&schema, other), (other, &schema), (&schema, &schema)] {
                        // An answer or an error; both are fine.
                        drop(compare(old, new, &Rules::new(Level::Full), &limits));
                    }
                }
                parsed.push(schema);
                parsed.truncate(2_000);
            }
            Err(error) => {
                assert!(!error.problem.is_empty() && !error.cure.is_empty() && error.to_string().len() < 2_000, "{error}");
                refused += 1;
            }
        }
    }
    assert!(parsed.len() > 100 && refused > 100, "{} parsed, {refused} refused", parsed.len());
}

#[test]
fn avro() {
    run(Format::Avro, "avro", 60);
}

#[test]
fn json() {
    run(Format::Json, "json", 60);
}

#[test]
fn protobuf() {
    run(Format::Protobuf, "protobuf", 60);
}
