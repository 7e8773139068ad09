//! What goes in, and what comes out.

use std::time::{Duration, Instant};

use onceward::testing::{Rig, RigOptions, SendOptions};
use onceward::{Backoff, Error, Event, Failure, HandlerOptions, Publish};

use crate::support::{builder, event, rig, see, seeing, seen};

#[test]
fn a_copy_is_handled_once_and_its_effect_is_there_once() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    for id in ["e1", "e2", "e1", "e3", "e2"] {
        rig.send("orders", event("c1", id)).unwrap();
    }
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["e1", "e2", "e3"]);
    assert_eq!(seen(&rig), ["e1", "e2", "e3"]);
    let summary = rig.summary().unwrap();
    assert_eq!((summary.handled, summary.duplicates), (3, 2));
    assert_eq!(rig.committed("orders", 0), Some(5));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), seen(&rig).len()), (1, 3), "a copy that comes later is dropped too");
}

#[test]
fn back_off_of_hours_takes_no_time() {
    let options = HandlerOptions::new().retry(
        Backoff::new().attempts(4).first(Duration::from_secs(3_600)).max(Duration::from_secs(86_400)).total(Duration::from_secs(259_200)),
    );
    let handler =
        |event: Event| async move { if event.attempt() < 4 { Err(std::io::Error::other("away").into()) } else { seeing(event).await } };
    let rig = rig(builder().build().unwrap().on_with("orders", options, handler));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.send("orders", event("c1", "e2")).unwrap();
    rig.send("orders", event("c2", "e3")).unwrap();
    let began = Instant::now();
    rig.run().unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(rig.now() > Duration::from_secs(7 * 3_600) * 4 / 5, "three waits, jitter aside: {:?}", rig.now());
    assert_eq!(rig.attempts("e1"), 4);
    let order = seen(&rig);
    assert!(order.iter().position(|id| id == "e1") < order.iter().position(|id| id == "e2"), "one key: {order:?}");
}

#[test]
fn keys_keep_their_order_and_go_where_production_sends_them() {
    let options = RigOptions::new().partitions("orders", 12);
    let rig = Rig::with(builder().build().unwrap().on("orders", seeing), options).unwrap();
    let mut sent: Vec<(String, i32)> = Vec::new();
    for number in 0..600 {
        let key = format!("customer-{}", number % 7);
        let id = format!("{key}/{number:03}");
        let position = rig.send("orders", event(&key, &id)).unwrap();
        sent.push((key, position.partition));
    }
    rig.run().unwrap();
    let handled = rig.handled();
    assert_eq!(handled.len(), 600);
    for number in 0..7 {
        let of_key: Vec<&String> = handled.iter().filter(|id| id.starts_with(&format!("customer-{number}/"))).collect();
        assert!(of_key.is_sorted() && of_key.len() >= 85, "{of_key:?}");
    }
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 7, "a key has one partition: {sent:?}");
    assert!(sent.iter().any(|one| one.1 != sent[0].1), "and not all the same: {sent:?}");
}

#[test]
fn what_a_handler_publishes_is_there_with_its_headers() {
    let handler = |event: Event| async move {
        if event.attempt() == 1 {
            event.publish(Publish::to("invoices").key("k").value("lost"));
            return Err(Failure::retry_after(Duration::from_secs(5), "later"));
        }
        event.publish(Publish::to("invoices").key("k").json(&serde_json::json!({"of": event.id()}))?);
        Ok(())
    };
    let mut ids = Vec::new();
    for inbox in ["sqlite:x.db", "memory"] {
        let rig = rig(builder().inbox(inbox).setup_sql([""; 0]).build().unwrap().on("orders", handler));
        let record = event("c1", "e1").header("correlation-id", "flow-7");
        rig.send("orders", record).unwrap();
        rig.run().unwrap();
        let published = rig.published();
        assert_eq!(published.len(), 1, "what the failed attempt published is discarded ({inbox})");
        assert_eq!(published[0].json(), serde_json::json!({"of": "e1"}));
        assert_eq!(published[0].position.topic, "invoices");
        ids.push(published[0].id.clone());
        assert_eq!(published[0].headers.text("correlation-id"), Some("flow-7"));
        assert_eq!(published[0].headers.text("causation-id"), Some("e1"));
        assert!(published[0].headers.text("traceparent").is_some());
    }
    assert!(ids[0] == ids[1] && ids[0].len() == 32, "derived, whichever way it goes: {ids:?}");
}

#[test]
fn mistakes_of_a_test_are_named() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    let said = |result: Result<_, Error>| result.map(|_| ()).unwrap_err().to_string();
    assert!(said(rig.send("order", SendOptions::new())).contains("did you mean \"orders\"?"));
    assert!(said(rig.send("orders", SendOptions::new().partition(3))).contains("orders/3"));
    assert!(rig.revoke("orders", 1).unwrap_err().to_string().contains("orders/1"));
    assert!(rig.sql::<(i64,)>("DELETE FROM seen").unwrap_err().to_string().contains("only reads"));
    assert!(rig.sql::<(i64,)>("SELECT id FROM sean").unwrap_err().to_string().contains("sean"));
    let app = builder().setup_sql(["CREATE TABEL x"]).build().unwrap().on("orders", seeing);
    assert!(Rig::new(app).unwrap_err().to_string().contains("setup_sql[0]"));
}

#[test]
fn a_rig_goes_where_it_is_needed() {
    fn anywhere<T: Send + Sync + 'static>(_: &T) {}
    let rig = std::sync::Arc::new(rig(builder().build().unwrap().on("orders", seeing)));
    anywhere(&*rig);
    let senders: Vec<_> = (0..4)
        .map(|thread| {
            let rig = std::sync::Arc::clone(&rig);
            std::thread::spawn(move || rig.send("orders", event("c1", &format!("e{thread}"))).map(drop))
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap().unwrap());
    rig.run().unwrap();
    assert_eq!(rig.handled().len(), 4);
}

#[tokio::test]
async fn calls_may_come_from_async_code() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["e1"]);
}

#[tokio::test]
async fn what_is_published_from_outside_of_handlers_arrives_too() {
    let app = builder().build().unwrap().on("orders", seeing);
    let publisher = app.publisher();
    let rig = rig(app);
    for number in 1..=3 {
        let id = publisher.publish(Publish::to("mails").value("hello").id(format!("m{number}"))).await.unwrap();
        rig.run().unwrap();
        assert_eq!(rig.published().last().map(|one| one.id.clone()), Some(id));
        assert_eq!(rig.published().len(), number);
    }
    rig.crash().unwrap();
    publisher.publish(Publish::to("mails").id("m4")).await.unwrap();
    rig.run().unwrap();
    assert_eq!(rig.published().len(), 4, "the next life takes it");
    drop(rig);
    assert!(matches!(publisher.publish(Publish::to("mails")).await, Err(Error::Closed)));
}

#[test]
fn a_handler_may_publish_to_itself() {
    let handler = |event: Event| async move {
        see(&event);
        let number: u32 = std::str::from_utf8(event.value().unwrap())?.parse()?;
        if number < 5 {
            event.publish(Publish::to("orders").key("k").value((number + 1).to_string()));
        }
        Ok(())
    };
    let rig = rig(builder().build().unwrap().on("orders", handler));
    rig.send("orders", SendOptions::new().key("k").value("0").id("first")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.handled().len(), 6);
}
