//! The plain life of an outbox.

use onceward::Publish;
use rdkafka::message::Message as _;

use crate::support::{Broker, logs};
use crate::world::{builder, copy, done, expected, id, once, pending, send, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_handlers_publish_arrives_once_in_order_per_key_and_leaves_the_file() {
    logs();
    let broker = Broker::start(&["orders", "copies"], "g", 3);
    send(&broker, 0..500);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let app = builder(&broker.address(), &file).build().unwrap().on("orders", copy);
    let metrics = app.metrics();
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!(summary.handled, 500);
    let (seen, copies) = once(&broker.read("copies", 1_000));
    assert_eq!(seen, expected(500));
    assert_eq!(copies, 0, "nothing crashed, so nothing was sent twice");
    assert_eq!(pending(&file), 0);
    assert_eq!(done(&file).len(), 500);
    assert!(metrics.prometheus().contains("onceward_outbox_pending"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_attempt_publishes_nothing_even_when_its_statement_fails_last() {
    logs();
    let broker = Broker::start(&["orders", "copies"], "g", 1);
    send(&broker, 0..3);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let handler = |event: onceward::Event| async move {
        event.publish(Publish::to("copies").value(crate::world::number(&event).to_string()));
        let broken = crate::world::number(&event) == 1;
        event.effect(if broken { "INSERT INTO nowhere VALUES (?)" } else { "INSERT INTO done VALUES (?)" }, (1,));
        Ok(())
    };
    let app = builder(&broker.address(), &file).build().unwrap().on("orders", handler);
    let summary = app.run_until_end(std::future::pending()).await.unwrap();
    assert_eq!((summary.handled, summary.dead_letters), (2, 1));
    let copies = broker.read("copies", 2);
    assert_eq!(copies.iter().map(text).collect::<Vec<_>>(), ["0", "2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishing_from_outside_returns_when_it_is_durable_and_the_consumer_that_ended_refuses() {
    logs();
    let broker = Broker::start(&["orders", "copies"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    for inbox in ["sqlite", "memory"] {
        let file = folder.path().join("inbox.db");
        let mut builder = builder(&broker.address(), &file);
        if inbox == "memory" {
            builder = builder.inbox("memory").setup_sql(Vec::<String>::new());
        }
        let app = builder.build().unwrap().on("orders", copy);
        let publisher = app.publisher();
        let early = tokio::spawn({
            let publisher = publisher.clone();
            async move { publisher.publish(Publish::to("copies").key("k").value("early").id(format!("chosen-{inbox}"))).await }
        });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let run = tokio::spawn(app.run(async { drop(stopped.await) }));
        assert_eq!(early.await.unwrap().unwrap(), format!("chosen-{inbox}"));
        let second = publisher.publish(Publish::to("copies").key("k").value("second").header("correlation-id", "flow")).await.unwrap();
        stop.send(()).unwrap();
        run.await.unwrap().unwrap();
        let error = publisher.publish(Publish::to("copies")).await.unwrap_err();
        assert_eq!(error.code(), onceward::ErrorCode::Closed);
        let copies = broker.read("copies", if inbox == "sqlite" { 2 } else { 4 });
        let last = &copies[copies.len() - 2..];
        assert_eq!(last.iter().map(text).collect::<Vec<_>>(), ["early", "second"]);
        assert_eq!((id(&last[0]), id(&last[1])), (format!("chosen-{inbox}"), second));
        assert_eq!(last[1].key(), Some(&b"k"[..]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_without_a_broker_leaves_the_rest_for_the_next_start() {
    logs();
    let broker = Broker::start(&["orders", "copies"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let start = || {
        let app = builder(&broker.address(), &file).drain_deadline(std::time::Duration::from_secs(1)).build().unwrap().on("orders", copy);
        let publisher = app.publisher();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        (publisher, stop, tokio::spawn(app.run(async { drop(stopped.await) })))
    };
    let (publisher, stop, run) = start();
    publisher.publish(Publish::to("copies").value("first")).await.unwrap();
    crate::world::until("the first is sent", || pending(&file) == 0).await;
    broker.cluster.broker_down(1).unwrap();
    publisher.publish(Publish::to("copies").value("second")).await.unwrap();
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert_eq!(pending(&file), 1, "it is left, and not forgotten");
    broker.cluster.broker_up(1).unwrap();
    let (_publisher, stop, run) = start();
    let (seen, _) = once(&broker.read("copies", 2));
    assert_eq!(seen[""], ["first", "second"]);
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert_eq!(pending(&file), 0);
}
