//! A publish that the broker refuses holds up its key, and nobody else.

use std::time::Duration;

use onceward::{Event, Publish};
use rdkafka::types::RDKafkaRespErr;

use crate::support::{Broker, logs};
use crate::world::{builder, number, once, pending, report, send, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_waits_with_its_key_and_is_seen_from_outside() {
    logs();
    let broker = Broker::start(&["orders", "copies", "closed"], "g", 1);
    broker.cluster.topic_error("closed", RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let handler = |event: Event| async move {
        let number = number(&event);
        let topic = if number % 7 == 1 { "closed" } else { "copies" };
        event.publish(Publish::to(topic).key(event.key().unwrap()).value(number.to_string()));
        Ok(())
    };
    send(&broker, 0..70);
    let app = builder(&broker.address(), &file).build().unwrap().on("orders", handler);
    let metrics = app.metrics();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async { drop(stopped.await) }));
    until("the other keys are sent, and the refused ones are told apart", || {
        onceward::inbox::inspect(&file)
            .is_ok_and(|report| report.outbox.first().is_some_and(|waits| (waits.pending, waits.refused) == (10, 10)))
    })
    .await;
    let (seen, copies) = once(&broker.read("copies", 60));
    assert_eq!((seen.len(), copies), (6, 0));
    let waits = report(&file).outbox.remove(0);
    assert!(
        waits.reasons.iter().any(|reason| reason.contains("closed refuses it") && reason.contains("Give this user WRITE")),
        "{waits:?}"
    );
    until("the metric shows them", || metrics.prometheus().contains("onceward_outbox_pending 10\n")).await;
    let begun = std::time::Instant::now();
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(7), "a stop does not wait for what only a person can end");
    assert_eq!(pending(&file), 10, "and it is still there");
    broker.cluster.topic_error("closed", RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR).unwrap();
    let app = builder(&broker.address(), &file).build().unwrap().on("orders", handler);
    app.run_until_end(std::future::pending()).await.unwrap();
    let (seen, copies) = once(&broker.read("closed", 10));
    let expected: Vec<String> = (0..10).map(|n| (n * 7 + 1).to_string()).collect();
    assert_eq!((&seen["k1"], copies, pending(&file)), (&expected, 0, 0), "its key goes on in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_ends_lets_the_key_go_on_in_order() {
    logs();
    let broker = Broker::start(&["orders", "copies"], "g", 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    send(&broker, 0..140);
    // Requests are refused as a whole, as a broker does with a batch that is too large; the first two tries alone are refused as well.
    let refusal = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    broker.cluster.request_errors(rdkafka_sys::types::RDKafkaApiKey::Produce, &[refusal, refusal, refusal]);
    // A ledger would be written first, and take the refusals.
    let app = builder(&broker.address(), &file)
        .configure(|config| config.dead_letter.get_or_insert_default().replay = Some(false))
        .build()
        .unwrap()
        .on("orders", |event: Event| async move {
            event.publish(Publish::to("copies").key(event.key().unwrap()).value(number(&event).to_string()));
            Ok(())
        });
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let run = tokio::spawn(app.run(async { drop(stopped.await) }));
    let records = broker.read("copies", 140);
    until("the file is empty", || pending(&file) == 0).await;
    stop.send(()).unwrap();
    run.await.unwrap().unwrap();
    let (seen, copies) = once(&records);
    assert_eq!(copies, 0);
    assert_eq!(seen.values().map(Vec::len).sum::<usize>(), 140);
}
