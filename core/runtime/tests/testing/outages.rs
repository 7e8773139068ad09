//! Dependencies that are away for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onceward::config::raw;
use onceward::{Event, Failure, Publish};

use crate::support::{builder, event, rig, see, seeing, seen};

#[test]
fn an_inbox_that_can_not_write_costs_no_attempt() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    rig.fail_store(4).unwrap();
    for number in 0..20 {
        rig.send("orders", event(&format!("c{number}"), &format!("e{number}"))).unwrap();
    }
    rig.run().unwrap();
    assert_eq!((seen(&rig).len(), rig.attempts("e0"), rig.dead_letters().len()), (20, 1, 0));
    assert!(rig.now() >= Duration::from_millis(100 + 200 + 400 + 800), "it waited: {:?}", rig.now());
    let said = |what: &str| rig.logs().iter().any(|line| line.message.contains(what));
    assert!(said("the inbox can't write") && said("the inbox can write again"), "{:#?}", rig.logs());
}

#[test]
fn a_broker_that_takes_no_writes_loses_neither_letters_nor_publishes() {
    let handler = |event: Event| async move {
        if event.value() == Some(b"bad") {
            return Err(Failure::reject("no"));
        }
        event.publish(Publish::to("invoices").key("k").value(event.id()));
        Ok(())
    };
    for inbox in ["sqlite:x.db", "memory"] {
        let rig = rig(builder().inbox(inbox).setup_sql([""; 0]).build().unwrap().on("orders", handler));
        rig.fail_produce(3).unwrap();
        rig.send("orders", event("c1", "e1").value("bad")).unwrap();
        rig.send("orders", event("c2", "e2")).unwrap();
        rig.run().unwrap();
        assert_eq!((rig.dead_letters().len(), rig.published().len(), rig.committed("orders", 0)), (1, 1, Some(2)), "{inbox}");
        assert!(rig.now() >= Duration::from_millis(700), "{:?}", rig.now());
        assert!(rig.logs().iter().any(|line| line.message.contains("not acknowledged; consumption pauses")));
    }
}

#[test]
fn what_the_outbox_holds_at_a_crash_is_published_after_it() {
    let handler = |event: Event| async move {
        see(&event);
        event.publish(Publish::to("invoices").value(event.id()));
        Ok(())
    };
    let rig = rig(builder().build().unwrap().on("orders", handler));
    rig.fail_produce(1_000).unwrap();
    rig.send("orders", event("c1", "e1")).unwrap();
    while rig.handled().is_empty() {
        assert!(rig.step().unwrap());
    }
    rig.advance(Duration::from_secs(3)).unwrap();
    assert_eq!((seen(&rig).len(), rig.published().len()), (1, 0), "committed, and not sent");
    rig.crash().unwrap();
    rig.fail_produce(0).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), rig.published().len()), (1, 1), "sent by the next life, without the handler");
}

#[test]
fn an_outage_of_everything_opens_the_breaker_and_gives_nothing_up() {
    let away = Arc::new(AtomicBool::new(true));
    let handler = {
        let away = Arc::clone(&away);
        move |event: Event| {
            let away = Arc::clone(&away);
            async move {
                if away.load(Ordering::Relaxed) { Err(std::io::Error::other("payments are away").into()) } else { seeing(event).await }
            }
        }
    };
    let breaker = |config: &mut raw::Config| {
        config.defaults.get_or_insert_default().breaker = Some(serde_json::from_value(serde_json::json!({})).unwrap());
    };
    let rig = rig(builder().configure(breaker).build().unwrap().on("orders", handler));
    for number in 0..120 {
        rig.send("orders", event(&format!("c{number}"), &format!("e{number}"))).unwrap();
    }
    rig.advance(Duration::from_secs(600)).unwrap();
    assert!(rig.logs().iter().any(|line| line.message.starts_with("outage:")), "the breaker opened");
    assert_eq!((rig.handled().len(), rig.dead_letters().len()), (0, 0));
    let error = rig.run().unwrap_err().to_string();
    assert!(error.contains("a breaker is open"), "{error}");
    away.store(false, Ordering::Relaxed);
    rig.run().unwrap();
    assert_eq!((seen(&rig).len(), rig.dead_letters().len()), (120, 0), "it closed by itself");
}
