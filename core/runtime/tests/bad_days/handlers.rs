//! Handlers that panic, never end, go on after their end, or ask for what the inbox can't do.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onceward::{ErrorCode, Event, Failure, HandlerOptions};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use tokio::sync::Notify;

use crate::logs;
use crate::support::Sent;
use crate::world::{World, number, until};

type Answer = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

struct Odd;

impl Drop for Odd {
    fn drop(&mut self) {
        panic!("dropping the future panics");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_anywhere_in_a_handler_is_a_failed_attempt_of_its_event_alone() {
    let world = World::new("panicking", 2);
    world.send(0..40, 8);
    // Not async: the first one panics before there is a future.
    let handler = |event: Event| -> Answer {
        let number = number(&event);
        assert_ne!(number, 3, "before the future");
        Box::pin(async move {
            let odd = (number == 5).then(|| Odd);
            tokio::task::yield_now().await;
            match number {
                11 => panic!("after a wait"),
                13 => std::panic::panic_any(13_u8),
                17 => return Err(std::io::Error::other("asks the predicate").into()),
                _ => drop(odd),
            }
            Ok(())
        })
    };
    let options = HandlerOptions::new().is_fatal(|report| {
        assert!(!report.message.contains("asks the predicate"), "the predicate panics");
        false
    });
    let app = world.builder("memory").build().unwrap().on_with("panicking", options, handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (35, 5, 10));
    let mut told: Vec<(String, String, String)> = world
        .broker
        .read("panicking.g.dlt", 5)
        .iter()
        .map(|letter| {
            let header = |name: &str| {
                let found = letter.headers().unwrap().iter().find(|header| header.key == name).unwrap();
                String::from_utf8(found.value.unwrap().to_vec()).unwrap()
            };
            let value = String::from_utf8(letter.payload().unwrap().to_vec()).unwrap();
            (value, header("kafka_dlt-exception-fqcn"), header("kafka_dlt-exception-message"))
        })
        .collect();
    told.sort();
    let told: Vec<(&str, &str, bool)> = told
        .iter()
        .map(|(value, kind, message)| {
            let expected = match value.as_str() {
                "3" => "before the future",
                "5" => "dropping the future panics",
                "11" => "after a wait",
                "13" => "no text",
                _ => "asks the predicate",
            };
            (value.as_str(), kind.rsplit(':').next().unwrap(), message.contains(expected))
        })
        .collect();
    assert_eq!(told, [("11", "panic", true), ("13", "panic", true), ("17", "Error", true), ("3", "panic", true), ("5", "panic", true)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_never_ends_is_left_at_the_deadline_and_its_event_is_handled_again() {
    let world = World::new("endless", 1);
    world.send(0..10, 10);
    let (ended, kept) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let stop = Arc::new(Notify::new());
    let handler = {
        let (ended, kept, stop) = (Arc::clone(&ended), Arc::clone(&kept), Arc::clone(&stop));
        move |event: Event| {
            let (ended, kept, stop) = (Arc::clone(&ended), Arc::clone(&kept), Arc::clone(&stop));
            async move {
                event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
                kept.lock().unwrap().push(event.clone());
                if number(&event) == 5 {
                    std::future::pending::<()>().await;
                }
                if ended.fetch_add(1, Ordering::SeqCst) == 8 {
                    stop.notify_one();
                }
                Ok(())
            }
        }
    };
    let app = world.sqlite().drain_deadline(Duration::from_secs(1)).build().unwrap().on("endless", handler);
    let stopped = Arc::new(Mutex::new(None));
    let at = Arc::clone(&stopped);
    let summary = app
        .run(async move {
            stop.notified().await;
            *at.lock().unwrap() = Some(Instant::now());
        })
        .await
        .unwrap();
    let took = stopped.lock().unwrap().unwrap().elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(6), "the drain took {took:?}");
    assert_eq!((summary.handled, summary.abandoned), (9, 1));
    let late = logs::about("endless/0", "still running at the drain deadline");
    assert_eq!((late.len(), late[0]["fields"]["running"].as_u64()), (1, Some(1)));
    assert_eq!(world.committed(), [5], "the offset stays in front of what was not resolved");

    // Too late, and said so: after the end of the handler nothing can be recorded any more.
    let events = std::mem::take(&mut *kept.lock().unwrap());
    let ended = events.iter().find(|event| number(event) == 7).unwrap();
    ended.effect("INSERT INTO done(n) VALUES (?)", (700,));
    let warning = logs::about("endless", "recorded after the handler had ended").pop().unwrap();
    let fields = &warning["fields"];
    assert_eq!(
        (fields["correlation_id"].as_str(), fields["offset"].as_i64(), fields["attempt"].as_u64()),
        (Some("flow-7"), Some(7), Some(1))
    );

    let handler = |event: Event| async move {
        event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
        Ok(())
    };
    let again = world.sqlite().build().unwrap().on("endless", handler).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(again.handled, 1, "only the one that had not ended");
    assert_eq!(world.done(), (0..10).collect::<Vec<_>>());
    assert_eq!(world.committed(), [10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_without_a_store_ends_the_run_and_gives_no_event_up() {
    let world = World::new("storeless", 1);
    world.send(0..50, 10);
    let handler = |event: Event| async move {
        if number(&event) == 20 {
            event.effect("INSERT INTO done(n) VALUES (?)", (number(&event),));
        }
        Ok(())
    };
    let error = world.builder("memory").build().unwrap().on("storeless", handler).run(std::future::pending()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Halted);
    assert!(error.to_string().contains("use inbox = \"sqlite:FILE\""), "{error}");
    assert_eq!(world.length("storeless.g.dlt"), 0, "no event is at fault");
    assert!(world.committed()[0] <= 20, "{:?}", world.committed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_can_not_be_decoded_is_given_up_at_once_and_never_quoted_in_a_log() {
    let world = World::new("undecodable", 1);
    let sent = |value: &str| Sent { key: Some("k"), value: value.to_owned(), headers: vec![] };
    world.broker.send("undecodable", [sent("{\"card\":\"4111-CANARY\"}"), sent("{\"card\":7}"), sent("{")]);
    let handler = |event: Event| async move {
        #[derive(serde::Deserialize)]
        struct Payment {
            card: u64,
        }
        assert_eq!(event.json::<Payment>()?.card, 7);
        Ok(())
    };
    let app = world.builder("memory").build().unwrap().on("undecodable", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (1, 2, 0));
    until("the log line", || logs::about("undecodable", "given up").len() == 2).await;
    let said = logs::about("undecodable", "given up");
    assert!(said[0]["fields"]["error"].as_str().unwrap().contains("invalid type: string, expected u64 at line 1"), "{said:?}");
    assert!(!logs::raw().contains("4111-CANARY"));
    let letters = world.broker.read("undecodable.g.dlt", 2);
    let stack = letters[0].headers().unwrap().iter().find(|header| header.key == "kafka_dlt-exception-stacktrace").unwrap();
    assert!(String::from_utf8_lossy(stack.value.unwrap()).contains("4111-CANARY"), "the letter, beside the payload, has the whole story");
}
