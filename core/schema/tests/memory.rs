//! What the largest schemas that the limits allow cost. They are parsed by a process that gets no more memory: beyond it, allocating fails
//! and the process dies.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::Command;

use onceward_schema::{Format, Limits, Schema, Source};

/// Of address space, in KiB: the program and its threads, and a quarter of a gigabyte for a schema.
const SPACE: u32 = (256 + 128) << 10;
const WITHIN: &str = "ONCEWARD_TEST_WITHIN";

fn limited(what: &str) -> bool {
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -v {SPACE} && exec \"$0\" --exact a_quarter_of_a_gigabyte_is_enough --test-threads 1")])
        .arg(std::env::current_exe().unwrap())
        .envs([(WITHIN, what), ("MALLOC_ARENA_MAX", "1")])
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn a_quarter_of_a_gigabyte_is_enough() {
    match std::env::var(WITHIN).as_deref() {
        Ok("schemas") => parse_the_largest(),
        Ok(_) => assert_eq!(vec![1_u8; 400 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>(), 400 << 20),
        Err(_) => {
            assert!(!limited("too much"), "the limit limits nothing, so this test can't fail");
            assert!(limited("schemas"), "a schema within the limits of its text costs more memory than it should");
        }
    }
}

fn parse_the_largest() {
    let bytes = Limits::default().bytes;
    let fill = |start: &str, unit: &str, end: &str| format!("{start}{}{end}", unit.repeat((bytes - start.len() - end.len()) / unit.len()));
    let names = |start: &str, unit: &dyn Fn(usize) -> String, count: usize, end: &str| {
        let middle: String = (0..count).map(unit).collect();
        format!("{start}{middle}{end}")
    };
    let proto = "syntax = \"proto3\";";
    let texts = [
        (Format::Json, fill("[", "{\"a\":0},", "0]")),
        (Format::Json, fill("{\"enum\":[", "0,", "0]}")),
        (Format::Json, fill("{\"a\":[", "[],", "0]}")),
        (Format::Json, names("{\"properties\":{", &|at| format!("\"p{at}\":{{}},"), 90_000, "\"x\":{}}}")),
        (Format::Avro, fill("[", "\"int\",", "\"int\"]")),
        (Format::Avro, names("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[", &|at| format!("\"S{at}\","), 90_000, "\"X\"]}")),
        (Format::Protobuf, fill(&format!("{proto}message A{{reserved 1"), ",1", ";}")),
        (Format::Protobuf, fill(&format!("{proto}option (a)={{"), "a:1 ", "};")),
        (Format::Protobuf, names(&format!("{proto}message A{{"), &|at| format!("int32 f{at}={};", at + 1), 90_000, "}")),
        (Format::Protobuf, fill(&format!("{proto}message A{{"), "/*/", "}")),
        (Format::Protobuf, fill(proto, "a ", "")),
    ];
    for (format, text) in texts {
        assert!(text.len() <= bytes);
        // A schema or an error: what matters is what it cost.
        drop(Schema::parse(format, &Source::new("large", text.clone()), &Limits::default()));
    }
}
