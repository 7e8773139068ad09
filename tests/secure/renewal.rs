//! Tokens that live for seconds, at a broker that ends the session of whoever does not come with a new one.

use std::sync::Arc;
use std::time::Duration;

use onceward::{Event, Failure};
use onceward_tests::kafka::{self, Outgoing};
use tokio::sync::Notify;

use crate::cluster::Service;
use crate::{logs, token};

/// The broker ends a session with its token (`connections.max.reauth.ms`). New ones are asked for after four fifths of it.
const LIFE: Duration = Duration::from_secs(8);

fn send(service: &Service, values: &[&str]) {
    let records: Vec<_> = values.iter().map(|value| Outgoing { value: Some((*value).into()), ..Outgoing::default() }).collect();
    kafka::produce(&service.cluster.open, &service.topic, &records);
}

#[test]
fn a_consumer_outlives_its_tokens() {
    let service = Service::new("renewal");
    service.grant("User:erin", &[]);
    let (endpoint, given) = token::lasting("erin", LIFE);
    let app = service.oidc(format!("http://{endpoint}/token")).build().unwrap().on(service.topic.clone(), |event: Event| async move {
        if event.value() == Some(b"poison") { Err(Failure::reject("as asked")) } else { Ok(()) }
    });
    let metrics = app.metrics();
    let (end, runtime) =
        (Arc::new(Notify::new()), tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    let over = Arc::clone(&end);
    let run = runtime.spawn(app.run(async move { over.notified().await }));
    let handled = |events: u64, letters: u64| {
        kafka::until("events are handled", || {
            let summary = metrics.summary();
            std::thread::sleep(Duration::from_millis(20));
            ((summary.handled, summary.dead_letters) == (events, letters)).then_some(())
        });
    };
    send(&service, &["a"]);
    handled(1, 0);
    // The consumer's clients keep their sessions with tokens of a third generation by then, or have none.
    let first = *given.lock().unwrap().last().unwrap();
    kafka::until("two renewals", || {
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            !run.is_finished(),
            "it ended by itself:\n{}",
            logs::all().lines().filter(|line| line.contains("onceward:")).collect::<Vec<_>>().join("\n")
        );
        given.lock().unwrap().last().is_some_and(|last| last.duration_since(first) > 2 * LIFE).then_some(())
    });
    send(&service, &["poison", "b"]);
    handled(2, 1);
    end.notify_one();
    let summary = runtime.block_on(run).unwrap().unwrap();
    assert_eq!((summary.handled, summary.dead_letters, summary.abandoned), (2, 1, 0));
    let open = &service.cluster.open;
    assert_eq!(kafka::committed(open, &service.group, &service.topic).get(&0), Some(&3), "the last commit was let in, too");
    assert_eq!(kafka::read_all(open, &service.letters()).len(), 1);
}
