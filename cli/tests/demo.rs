//! The demo as a user runs it: the embedded broker, two processes, a kill -9 between them, and every figure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::process::{Command, Output};

use serde_json::Value;

fn demo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_onceward")).arg("demo").args(args).output().unwrap()
}

#[test]
fn a_month_of_flights_survives_copies_poison_and_a_kill() {
    let output = demo(&["--json"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{stderr}"));
    assert_eq!(output.status.code(), Some(0), "{figures:#}\n{stderr}");
    assert_eq!(stderr, "", "with --json nothing is said beside the document");

    let number = |name: &str| figures[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {figures:#}"));
    assert_eq!((number("events"), number("records"), number("copies")), (27_004, 27_274, 270));
    assert_eq!((number("handled"), number("dead_letters")), (26_483, 521), "each event is handled or given up");
    assert_eq!((number("lost"), number("doubled"), number("order_violations")), (0, 0, 0));
    assert_eq!(number("duplicates_dropped"), 270);
    assert_eq!(figures["fold_matches"], true);
    assert_eq!((number("failed") >= 100, number("held") >= 1_000), (true, true), "{figures}");
    assert_eq!(figures["comeback_matches"], true, "what failed is handled after all, as if it had never failed");
    assert_eq!(figures["broker"], "mock");

    assert_eq!(figures["killed"], true);
    let durable = number("durable_at_kill");
    assert!(durable < 26_483, "the kill came before the end: {durable}");
    assert!(durable + number("undone_by_kill") >= 13_241, "the kill came after half of the flights");
    assert!(number("redelivered") <= durable);

    assert!(number("retries") >= 2 * 521, "two retries per cancelled flight, and those that the kill cut short");
    assert!(number("records_per_second") > 0);
    let causes = figures["causes"].as_array().unwrap();
    assert_eq!((causes.len(), &causes[0]["count"]), (1, &Value::from(521)), "one cause, one fingerprint");
    for check in figures["checks"].as_array().unwrap() {
        assert_eq!(check["holds"], true, "{check}");
    }

    let told: Vec<&str> = figures["story"]["lines"].as_array().unwrap().iter().map(|line| line["what"].as_str().unwrap()).collect();
    for part in ["sent, flights/", "a copy, dropped", "is killed", "attempt 3 failed", "dead letter after 3 attempts", "handled"] {
        assert!(told.iter().any(|line| line.contains(part)), "no {part:?} in {told:#?}");
    }
}

#[test]
fn a_cluster_that_is_away_and_an_address_that_is_none_have_their_exit_codes() {
    // Port 1 is reserved, and nobody listens there.
    let away = demo(&["--json", "--brokers", "127.0.0.1:1"]);
    assert_eq!(away.status.code(), Some(3));
    let document: Value = serde_json::from_slice(&away.stdout).unwrap();
    assert_eq!(document["error"]["code"], "broker");
    assert!(document["error"]["message"].as_str().unwrap().contains("127.0.0.1:1"));

    let usage = demo(&["--brokers", "localhost"]);
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("is not HOST:PORT"));
}
