//! What is logged: the flow on every line of a handler, and never a payload, a secret, or a line that somebody else wrote.

use onceward::{Event, Failure, HandlerOptions};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use tracing::Instrument as _;

use crate::logs;
use crate::support::Sent;
use crate::world::{World, until};

const FORGED: &str = "2026-01-01T00:00:00Z ERROR onceward: forged";

#[tracing::instrument(skip_all, fields(step = "charge"))]
async fn charge() {
    tokio::task::yield_now().await;
    tracing::info!(marker = "traced-nested", "charging");
}

// Not skipped: what `instrument` writes of an event by default holds no payload.
#[tracing::instrument]
async fn look(event: &Event) {
    tracing::info!("looking");
}

async fn talkative(event: Event) -> Result<(), Failure> {
    tracing::info!(marker = "traced-first", "begun");
    look(&event).await;
    charge().await;
    let background = tokio::spawn(async { tracing::warn!(marker = "traced-spawned", "in a task of its own") }.in_current_span());
    background.await?;
    tracing::trace!(marker = "traced-last", "done");
    if event.header("poison").is_some() {
        return Err(std::io::Error::other(format!("no such order\n{FORGED}\r\n\u{1b}[31m\u{2028}{FORGED}")).into());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_line_of_a_handler_carries_the_flow_and_no_line_carries_what_is_secret() {
    let world = World::new("traced", 2);
    let payload = "payload-CANARY-a";
    let sent = (0..40).map(|number| {
        let mut headers = match number % 4 {
            0 => vec![("correlation-id", format!("traced-{number}"))],
            1 => vec![("traceparent", format!("00-{number:032x}-00f067aa0ba902b7-01"))],
            2 => vec![("x-correlation-id", format!("traced-{number}\n{FORGED} {number}"))],
            _ => vec![],
        };
        if number >= 36 {
            headers.push(("poison", "header-CANARY-b".to_owned()));
        }
        // The same id with other bytes: a conflict, whose log line quotes the id.
        let id = if number % 20 == 5 { format!("conflict\n{FORGED}") } else { format!("id-{number}") };
        headers.push(("onceward-id", id));
        Sent { key: Some("key-CANARY-c"), value: format!("{payload}{number}"), headers }
    });
    world.broker.send("traced", sent);
    let app = world
        .sqlite()
        .kafka("sasl.username", "user")
        .kafka("sasl.password", "password-CANARY-d")
        .kafka("ssl.key.password", "password-CANARY-e")
        .kafka("debug", "all")
        .build()
        .unwrap();
    let shown = format!("{app:?}");
    assert!(!shown.contains("CANARY"), "{shown}");
    let app = app.on_with("traced", HandlerOptions::new(), talkative);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.identity_conflicts), (35, 5, 1));

    let raw = logs::raw();
    let lines: Vec<serde_json::Value> = raw
        .lines()
        .filter(|line| {
            line.contains("traced-first")
                || line.contains("traced-nested")
                || line.contains("traced-spawned")
                || line.contains("traced-last")
        })
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // 39 events reach the handler; four of them twice.
    assert_eq!(lines.len(), 4 * 43);
    for line in &lines {
        let process = line["spans"].as_array().unwrap().iter().find(|span| span["name"] == "process").unwrap();
        let offset = process["offset"].as_i64().unwrap();
        assert!(offset >= 0 && process["topic"] == "traced" && process["partition"].as_i64().is_some(), "{line}");
        assert!(matches!(process["attempt"].as_u64(), Some(1 | 2)), "{line}");
        assert_eq!(process["key_hash"].as_str().map(str::len), Some(16), "{line}");
        assert!(process["correlation_id"].as_str().is_some_and(|id| id.len() >= 8), "{line}");
    }
    let traced = lines.iter().filter(|line| line["spans"][0]["trace_id"].as_str().is_some_and(|id| id.len() == 32)).count();
    assert_eq!(traced, 4 * 10, "nine events with a trace reach the handler, one of them twice");
    let flows = |flow: &str| lines.iter().filter(|line| line["spans"][0]["correlation_id"] == flow).count();
    assert_eq!(flows("traced-8"), 4);
    assert_eq!(flows(&format!("{:032x}", 9)), 4);
    assert_eq!(flows(&format!("traced-10{FORGED} 10")), 4, "the line break is gone");
    assert_eq!(flows("traced-36"), 8, "two attempts, one flow");

    until("the last letter's line", || logs::about("traced", "given up").len() == 5).await;
    assert!(logs::about("traced", "given up").iter().all(|line| line["level"] == "ERROR"), "a dead letter is an error");
    let failed = raw.lines().filter(|line| line.contains("no such order") && line.contains("attempt failed"));
    assert_eq!(failed.filter(|line| line.contains("\"WARN\"")).count(), 8, "four events, two attempts each");
    for letter in world.broker.read("traced.g.dlt", 5) {
        let headers = letter.headers().unwrap();
        let flow = headers.iter().find(|header| header.key == "onceward-correlation-id").unwrap();
        let flow = std::str::from_utf8(flow.value.unwrap()).unwrap();
        let said: Vec<_> = logs::about("traced", "given up").into_iter().filter(|line| line["fields"]["correlation_id"] == flow).collect();
        assert_eq!(said.len(), 1, "the letter and the log tell of one flow: {flow}");
    }

    for canary in ["payload-CANARY", "header-CANARY", "key-CANARY", "password-CANARY"] {
        let leak = raw.lines().find(|line| line.contains(canary));
        assert!(leak.is_none(), "{canary} was logged: {leak:?}");
    }
    let text = logs::text();
    assert!(text.contains("forged"), "the attempt was made");
    let forged = text.split(['\n', '\r', '\u{2028}']).find(|line| line.starts_with(FORGED));
    assert!(forged.is_none(), "a producer wrote a log line: {forged:?}");
}
