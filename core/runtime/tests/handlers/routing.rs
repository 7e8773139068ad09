//! Several handlers of one topic, chosen by the event's type.

use std::sync::{Arc, Mutex};

use onceward::{Event, Failure, HandlerOptions};
use rdkafka::Message as _;
use rdkafka::message::Headers as _;

use crate::builder;
use crate::support::{self, Broker, Sent};

type Seen = Arc<Mutex<Vec<String>>>;

/// A handler that notes its name and the event's id.
fn noting(name: &'static str, seen: &Seen) -> impl Fn(Event) -> std::future::Ready<Result<(), Failure>> + Send + Sync + use<> {
    let seen = Arc::clone(seen);
    move |event: Event| {
        seen.lock().unwrap().push(format!("{name} {} {}", event.id(), event.event_type().unwrap_or_default()));
        std::future::ready(Ok(()))
    }
}

fn typed(id: &str, kind: Option<&str>) -> Sent<'static> {
    let mut headers = vec![("onceward-id", id.to_owned())];
    headers.extend(kind.map(|kind| ("ce_type", kind.to_owned())));
    Sent { key: Some("k"), value: "{}".to_owned(), headers }
}

fn of(kinds: &[&str]) -> HandlerOptions {
    kinds.iter().fold(HandlerOptions::new(), |options, kind| options.event_type(*kind))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_goes_to_the_handler_of_its_type_in_the_order_of_its_key() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    broker.send("orders", [typed("1", Some("Placed")), typed("2", Some("Paid")), typed("3", Some("Shipped")), typed("4", Some("Lost"))]);
    broker.send("orders", [typed("5", None), typed("6", Some("Placed"))]);
    let seen = Seen::default();
    let app = builder(&broker, "memory")
        .build()
        .unwrap()
        .on_with("orders", of(&["Placed"]), noting("placed", &seen))
        .on_with("orders", of(&["Paid", "Shipped"]), noting("later", &seen))
        .on("orders", noting("others", &seen));
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (6, 0));
    let expected = ["placed 1 Placed", "later 2 Paid", "later 3 Shipped", "others 4 Lost", "others 5 ", "placed 6 Placed"];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_without_a_handler_becomes_a_letter_that_says_so() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    broker.send("orders", [typed("1", Some("Lost")), typed("2", None), typed("3", Some("Placed"))]);
    let seen = Seen::default();
    let app = builder(&broker, "memory").build().unwrap().on_with("orders", of(&["Placed"]), noting("placed", &seen));
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (1, 2, 0));
    let said: Vec<String> = broker
        .read("orders.g.dlt", 2)
        .iter()
        .map(|letter| {
            let headers = letter.headers().unwrap();
            let text = |name: &str| {
                let header = headers.iter().find(|header| header.key == name).and_then(|header| header.value);
                String::from_utf8_lossy(header.unwrap_or_default()).into_owned()
            };
            format!("{} {}: {}", text("onceward-event-id"), text("onceward-reason"), text("kafka_dlt-exception-message"))
        })
        .collect();
    assert_eq!(
        said,
        [
            "1 rejected: no handler is registered for events of the type \"Lost\"; register one and replay, or set unrouted_type",
            "2 rejected: no handler is registered for an event without a type; register one and replay, or set unrouted_type",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_is_ignored_is_passed_over_and_never_marked() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    broker.send("orders", [typed("1", Some("Lost")), typed("2", Some("Placed")), typed("3", Some("Lost"))]);
    let seen = Seen::default();
    let ignoring = || {
        let builder = builder(&broker, &inbox);
        builder
            .configure(|config| config.defaults.get_or_insert_default().unrouted_type = Some(onceward::config::raw::UnroutedType::Ignore))
    };
    let app = ignoring().build().unwrap().on_with("orders", of(&["Placed"]), noting("placed", &seen));
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.ignored, summary.dead_letters), (1, 2, 0));
    // The offset passed them: a second run has nothing to read. What was ignored left no mark, so its copy under a known type is handled.
    broker.send("orders", [typed("1", Some("Placed")), typed("2", Some("Placed"))]);
    let app = ignoring().build().unwrap().on_with("orders", of(&["Placed"]), noting("again", &seen));
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.ignored, summary.duplicates), (1, 0, 1));
    assert_eq!(*seen.lock().unwrap(), ["placed 2 Placed", "again 1 Placed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_that_stops_the_run_is_read_again_after_the_next_start() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let with_kind = |kind: &str| Sent {
        key: None,
        value: format!("{{\"meta\":{{\"kind\":\"{kind}\"}}}}"),
        headers: vec![("onceward-id", kind.to_owned())],
    };
    broker.send("orders", [with_kind("Placed"), with_kind("Lost"), with_kind("Paid")]);
    let stopping = || {
        builder(&broker, &inbox).configure(|config| {
            let defaults = config.defaults.get_or_insert_default();
            defaults.unrouted_type = Some(onceward::config::raw::UnroutedType::Stop);
            defaults.event_type = Some("json:/meta/kind".to_owned());
        })
    };
    let seen = Seen::default();
    let app = stopping().build().unwrap().on_with("orders", of(&["Placed", "Paid"]), noting("first", &seen));
    let error = app.run_until_end(std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("orders/0 offset 1: the event has the type \"Lost\", for which there is no handler"), "{error}");
    let app = stopping().build().unwrap().on_with("orders", of(&["Placed", "Paid"]), noting("first", &seen));
    let app = app.on_with("orders", of(&["Lost"]), noting("second", &seen));
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    assert_eq!(seen, ["first Paid Paid", "first Placed Placed", "second Lost Lost"], "each is handled once: {summary:?}");
}

#[tokio::test]
async fn two_handlers_for_the_same_events_are_refused() {
    let broker = Broker::start(&["orders"], "g", 1);
    let quiet = |_: Event| async { Ok(()) };
    let app = || builder(&broker, "memory").build().unwrap();
    for (app, expected) in [
        (app().on("orders", quiet).on("orders", quiet), "two handlers for one topic"),
        (app().on_with("orders", of(&["A", "B"]), quiet).on_with("orders", of(&["B"]), quiet), "two handlers for events of the type \"B\""),
    ] {
        let error = app.run(std::future::pending()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[derive(serde::Deserialize)]
struct Order {
    total: u32,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_typed_body_is_decoded_or_dead_lettered_at_once() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    let body = |id: &str, value: &str| Sent { key: None, value: value.to_owned(), headers: vec![("onceward-id", id.to_owned())] };
    broker.send("orders", [body("1", "{\"total\":7}"), body("2", "{\"total\":\"seven\"}"), body("3", "{")]);
    let seen = Seen::default();
    let notes = Arc::clone(&seen);
    let handler = onceward::json(move |order: Order, event: Event| {
        notes.lock().unwrap().push(format!("{} {}", event.id(), order.total));
        async { Ok(()) }
    });
    let summary = builder(&broker, "memory").build().unwrap().on("orders", handler).run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.failed_attempts), (1, 2, 0));
    assert_eq!(*seen.lock().unwrap(), ["1 7"]);
    let reasons: Vec<_> = broker
        .read("orders.g.dlt", 2)
        .iter()
        .map(|letter| {
            let headers = letter.headers().unwrap();
            let reason = headers.iter().find(|header| header.key == "onceward-reason").and_then(|header| header.value);
            String::from_utf8_lossy(reason.unwrap()).into_owned()
        })
        .collect();
    assert_eq!(reasons, ["undecodable", "undecodable"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_behind_the_event_that_stops_the_run_is_taken_for_read() {
    support::logs();
    let broker = Broker::start(&["orders"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    // One fetch has all of it, and the loop is busy with what came before when the poll thread meets the one.
    let kind = |number: usize| if number == 700 { "Lost" } else { "Placed" };
    broker.send("orders", (0..1_500).map(|number| Sent { key: None, ..typed(&number.to_string(), Some(kind(number))) }));
    let stopping = || {
        let unrouted = Some(onceward::config::raw::UnroutedType::Stop);
        builder(&broker, &inbox).configure(move |config| config.defaults.get_or_insert_default().unrouted_type = unrouted)
    };
    let seen = Seen::default();
    let app = stopping().build().unwrap().on_with("orders", of(&["Placed"]), noting("first", &seen));
    let error = app.run_until_end(std::future::pending()).await.unwrap_err().to_string();
    assert!(error.contains("orders/0 offset 700"), "{error}");
    let app = stopping().build().unwrap().on_with("orders", of(&["Placed"]), noting("first", &seen));
    app.on_with("orders", of(&["Lost"]), noting("second", &seen)).run_until_end(std::future::pending()).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 1_500, "each is handled once, over both runs");
    assert_eq!(seen.iter().filter(|line| line.starts_with("second 700 ")).count(), 1);
}
