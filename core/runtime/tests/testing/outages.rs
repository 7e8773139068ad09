//! Dependencies that are away for a while.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onceward::config::raw;
use onceward::testing::Rig;
use onceward::{Builder, Event, Failure, Publish};

use crate::support::{builder, event, rig, see, seeing, seen};

type Answer = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

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

/// Fails for as long as it is away.
fn calling(away: &Arc<AtomicBool>) -> impl Fn(Event) -> Answer + Send + Sync + 'static {
    let away = Arc::clone(away);
    move |event: Event| {
        let away = Arc::clone(&away);
        Box::pin(async move {
            if away.load(Ordering::Relaxed) { Err(std::io::Error::other("payments are away").into()) } else { seeing(event).await }
        })
    }
}

/// A rig whose handler fails, with so many events of so many keys.
fn failing(builder: Builder, events: u32, keys: u32, away: &Arc<AtomicBool>) -> Rig {
    let rig = rig(builder.build().unwrap().on("orders", calling(away)));
    for number in 0..events {
        rig.send("orders", event(&format!("c{}", number % keys), &format!("e{number}"))).unwrap();
    }
    rig
}

fn outages(rig: &Rig) -> Vec<String> {
    rig.logs().into_iter().map(|line| line.message).filter(|message| message.starts_with("outage:")).collect()
}

#[test]
fn an_outage_opens_the_breaker_that_nobody_configured_and_gives_nothing_up() {
    let away = Arc::new(AtomicBool::new(true));
    let rig = failing(builder(), 120, 120, &away);
    rig.advance(Duration::from_secs(600)).unwrap();
    let said = outages(&rig);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("nearly every event has failed for 1") && said[0].contains("breaker.enabled = false"), "{said:?}");
    assert_eq!((rig.handled().len(), rig.dead_letters().len()), (0, 0));
    let error = rig.run().unwrap_err().to_string();
    assert!(error.contains("a breaker is open") && error.contains("breaker.enabled = false"), "{error}");
    away.store(false, Ordering::Relaxed);
    rig.run().unwrap();
    assert_eq!((seen(&rig).len(), rig.dead_letters().len()), (120, 0), "it closed by itself");
}

#[test]
fn whoever_turns_the_breaker_off_gets_letters() {
    let off = |config: &mut raw::Config| {
        let breaker = raw::Breaker { enabled: Some(false), ..raw::Breaker::default() };
        config.defaults.get_or_insert_default().breaker = Some(breaker);
    };
    let rig = failing(builder().configure(off), 120, 120, &Arc::new(AtomicBool::new(true)));
    rig.run().unwrap();
    assert_eq!((rig.dead_letters().len(), outages(&rig)), (120, vec![]));
}

#[test]
fn a_few_events_or_a_few_keys_are_no_outage() {
    for (events, keys) in [(49, 49), (190, 19)] {
        let rig = failing(builder(), events, keys, &Arc::new(AtomicBool::new(true)));
        rig.run().unwrap();
        assert_eq!((rig.dead_letters().len(), outages(&rig)), (events as usize, vec![]), "{events} events of {keys} keys");
    }
}

#[test]
fn an_outage_during_a_replay_costs_no_letter_a_replay() {
    let (mended, away) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
    let call = calling(&away);
    let handler = {
        let mended = Arc::clone(&mended);
        move |event: Event| -> Answer {
            if mended.load(Ordering::Relaxed) { call(event) } else { Box::pin(async { Err(Failure::reject("no such currency")) }) }
        }
    };
    let rig = rig(builder().build().unwrap().on("orders", handler));
    for number in 0..60 {
        rig.send("orders", event(&format!("c{number}"), &format!("e{number}"))).unwrap();
    }
    rig.run().unwrap();
    assert_eq!((rig.dead_letters().len(), outages(&rig)), (60, vec![]), "what is refused is no evidence");
    mended.store(true, Ordering::Relaxed);
    assert_eq!(rig.replay().unwrap(), 60);
    rig.advance(Duration::from_secs(60)).unwrap();
    let letters = rig.dead_letters();
    assert!(letters.iter().all(|letter| (letter.state(), letter.replays) == ("open", 0)), "{letters:?}");
    assert_eq!(outages(&rig).len(), 1);
    away.store(false, Ordering::Relaxed);
    rig.run().unwrap();
    assert_eq!((seen(&rig).len(), rig.dead_letters().iter().all(|letter| letter.state() == "done")), (60, true));
}
