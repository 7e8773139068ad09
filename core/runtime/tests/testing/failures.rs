//! Events that fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{DeadLetter, Event, Failure, HandlerOptions};

use crate::support::{builder, event, rig, see, seeing, seen};

#[derive(Debug, thiserror::Error)]
#[error("no order in {0}")]
struct NoOrder(String);

async fn poisoned(event: Event) -> Result<(), Failure> {
    if event.value() == Some(b"bad") { Err(NoOrder(event.id()).into()) } else { seeing(event).await }
}

#[test]
fn a_poison_becomes_a_letter_with_its_bytes_and_every_header() {
    let rig = rig(builder().build().unwrap().on("orders", poisoned));
    let poison = event("c1", "e1").value("bad").header("own", "1").null_header("own").header("correlation-id", "flow-7");
    rig.send("orders", poison.timestamp(1_700_000_000_123)).unwrap();
    rig.send("orders", event("c1", "e2")).unwrap();
    rig.run().unwrap();
    let letters = rig.dead_letters();
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.position.topic.as_str(), letter.position.partition), ("orders.billing.dlt", 0));
    assert_eq!((letter.reason(), letter.attempts(), letter.event_id()), ("exhausted", 3, "e1"));
    assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (Some(&b"c1"[..]), Some(&b"bad"[..])));
    let names: Vec<&str> = letter.headers.0.iter().map(|(name, _)| std::str::from_utf8(name).unwrap()).collect();
    let expected = [
        "own",
        "own",
        "correlation-id",
        "onceward-id",
        "kafka_dlt-original-topic",
        "kafka_dlt-original-partition",
        "kafka_dlt-original-offset",
        "kafka_dlt-original-timestamp",
        "kafka_dlt-original-timestamp-type",
        "kafka_dlt-original-consumer-group",
        "kafka_dlt-exception-fqcn",
        "kafka_dlt-exception-message",
        "onceward-letter-id",
        "onceward-reason",
        "onceward-event-id",
        "onceward-correlation-id",
        "onceward-attempts",
        "onceward-first-failed-at",
        "onceward-last-failed-at",
        "onceward-fingerprint",
    ];
    assert_eq!(names, expected);
    assert_eq!(letter.headers.0[1].1, None, "null stays null");
    assert_eq!(letter.letter.message.as_deref(), Some("no order in e1"));
    assert_eq!(letter.letter.correlation_id.as_deref(), Some("flow-7"));
    assert_eq!(letter.letter.id, Some(onceward::letter::letter_id("billing", "orders", 0, 0)));
    assert_eq!(letter.letter.timestamp, Some(1_700_000_000_123));
    assert_eq!(letter.headers.text("onceward-first-failed-at"), Some("2026-01-01T00:00:00.000Z"), "simulated time");
    assert_eq!(rig.handled(), ["e2"], "the key goes on");
    assert_eq!(rig.committed("orders", 0), Some(2));
}

#[test]
fn what_is_fatal_is_given_up_at_once() {
    let options = HandlerOptions::new().fatal::<NoOrder>();
    let rejecting =
        |event: Event| async move { if event.value() == Some(b"no") { Err(Failure::reject("not ours")) } else { poisoned(event).await } };
    let rig = rig(builder().build().unwrap().on_with("orders", options, rejecting));
    rig.send("orders", event("c1", "fatal").value("bad")).unwrap();
    rig.send("orders", event("c2", "rejected").value("no")).unwrap();
    rig.run().unwrap();
    let found: Vec<(String, String, u32)> =
        rig.dead_letters().iter().map(|letter| (letter.event_id().to_owned(), letter.reason().to_owned(), letter.attempts())).collect();
    assert_eq!(found, [("fatal".to_owned(), "rejected".to_owned(), 1), ("rejected".to_owned(), "rejected".to_owned(), 1)]);
    assert_eq!(rig.now(), Duration::from_secs(1), "nobody waited for anything but the commit");
}

#[test]
fn bytes_that_are_no_json_and_ids_with_other_bytes_are_given_up() {
    let reading = |event: Event| async move {
        let _: serde_json::Value = event.json()?;
        Ok(())
    };
    let rig = rig(builder().build().unwrap().on("orders", reading));
    rig.send("orders", event("c1", "e1").value("{")).unwrap();
    rig.send("orders", event("c2", "e2").value("1")).unwrap();
    rig.run().unwrap();
    rig.send("orders", event("c2", "e2").value("2")).unwrap();
    rig.run().unwrap();
    let reasons: Vec<String> = rig.dead_letters().iter().map(|letter| letter.reason().to_owned()).collect();
    assert_eq!(reasons, ["undecodable", "conflict"]);
}

#[test]
fn an_effect_that_fails_is_a_failed_attempt_and_leaves_nothing() {
    let handler = |event: Event| async move {
        see(&event);
        let rows = if event.attempt() == 1 { 5 } else { 1 };
        event.effect_expecting(rows, "UPDATE seen SET n = n WHERE id = ?", (event.id(),));
        Ok(())
    };
    let rig = rig(builder().build().unwrap().on("orders", handler));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), seen(&rig)), (2, vec!["e1".to_owned()]));
    let wrong = rig
        .history()
        .iter()
        .any(|happened| happened.what.starts_with("e1: ") && happened.what.contains("expected to change or return 5 rows"));
    assert!(wrong, "{:#?}", rig.history());
}

#[test]
fn log_lines_carry_the_correlation_id() {
    let rig = rig(builder().build().unwrap().on("orders", |event: Event| async move {
        tracing::info!(total = 9.5, "invoicing");
        poisoned(event).await
    }));
    rig.send("orders", event("c1", "e1").value("bad").header("correlation-id", "flow-7")).unwrap();
    rig.run().unwrap();
    let logs = rig.logs();
    let own: Vec<_> = logs.iter().filter(|line| line.message == "invoicing").collect();
    assert_eq!(own.len(), 3, "one for each attempt");
    for (line, attempt) in own.iter().zip(["1", "2", "3"]) {
        assert_eq!(
            (line.field("correlation_id"), line.field("attempt"), line.field("total")),
            (Some("flow-7"), Some(attempt), Some("9.5"))
        );
    }
    let given_up = logs.iter().find(|line| line.level == "ERROR").unwrap();
    assert_eq!(given_up.field("correlation_id"), Some("flow-7"));
}

#[test]
fn a_callback_hears_of_the_letter() {
    let heard: Arc<Mutex<Vec<DeadLetter>>> = Arc::default();
    let notes = Arc::clone(&heard);
    let rig = rig(builder().build().unwrap().on("orders", poisoned).on_dead_letter(move |letter| {
        notes.lock().unwrap().push(letter);
        std::future::ready(())
    }));
    rig.send("orders", event("c1", "e1").value("bad")).unwrap();
    rig.run().unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 1);
    assert_eq!((heard[0].reason, heard[0].attempts, heard[0].offset), ("exhausted", 3, 0));
}
