//! A topic that a pattern leads to, and a right that is missing on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use onceward::Event;
use onceward_tests::kafka::{self, May, On, Outgoing};
use tokio::sync::oneshot;

use crate::cluster::{Right, Service};
use crate::logs;

#[test]
fn a_topic_on_which_a_right_is_missing_is_left_out_and_joins_when_it_is_granted() {
    let service = Service::new("patterned");
    service.grant("User:bob", &[Right::WriteLetters]);
    let open = service.cluster.open.as_str();
    kafka::produce(open, &service.topic, &[Outgoing::default()]);
    let handled = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&handled);
    let app = service.sasl("SCRAM-SHA-512", "bob", "bob-secret").build().unwrap().on(format!("^{}", service.topic), move |_: Event| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(()))
    });
    let metrics = app.metrics();
    let left_out = |count: u32| metrics.prometheus().contains(&format!("onceward_topics_left_out {count}\n")).then_some(());
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = runtime.spawn(app.run(async move { drop(stopped.await) }));
    kafka::until("it is left out", || left_out(1));
    let letters = service.letters();
    let logged = logs::all();
    let line = logged.lines().find(|line| line.contains("is left out") && line.contains(&service.topic)).unwrap();
    assert!(line.contains(&format!("may not write to {letters}")) && line.contains("kafka-acls --add"), "{line}");

    kafka::grant(open, "User:bob", &[(On::Topic, &letters, May::Write)]);
    kafka::until("it is handled", || (handled.load(Ordering::SeqCst) == 1).then_some(()));
    kafka::until("nothing is left out", || left_out(0));
    drop(stop);
    runtime.block_on(running).unwrap().unwrap();
}
