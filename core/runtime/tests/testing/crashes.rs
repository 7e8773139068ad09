//! The process dies.

use std::time::Duration;

use onceward::testing::{Rig, RigOptions};
use onceward::{Consumer, Event, Failure, Publish};

use crate::support::{builder, event, rig, see, seeing, seen};

/// Effects, publishes, a retry and a poison: something of everything, over two partitions.
fn service() -> Consumer {
    let handler = |event: Event| async move {
        let (first, value) = (event.attempt() == 1, event.value().unwrap_or_default().to_vec());
        tokio::time::sleep(Duration::from_millis(30)).await;
        if value == b"bad" || (first && value == b"slow") {
            return Err(Failure::from(std::io::Error::other("away")));
        }
        see(&event);
        event.publish(Publish::to("invoices").key(event.key().unwrap_or_default()).value(event.id()));
        Ok(())
    };
    builder().build().unwrap().on("orders", handler)
}

fn fill(rig: &Rig) {
    for (key, id, value) in [
        ("a", "a1", "ok"),
        ("b", "b1", "bad"),
        ("a", "a2", "slow"),
        ("a", "a1", "ok"),
        ("b", "b2", "ok"),
        ("c", "c1", "ok"),
        ("a", "a3", "ok"),
    ] {
        rig.send("orders", event(key, id).value(value)).unwrap();
    }
}

/// What must hold after everything, whatever happened on the way.
fn judge(rig: &Rig, when: &str) {
    let mut found = seen(rig);
    assert!(found.iter().filter(|id| id.starts_with('a')).is_sorted(), "{when}: order of key a in {found:?}");
    found.sort();
    assert_eq!(found, ["a1", "a2", "a3", "b2", "c1"], "{when}: each effect once");
    // A letter may be written again after a crash, and is known by its id.
    let mut letters: Vec<_> = rig.dead_letters().iter().map(|letter| (letter.event_id().to_owned(), letter.letter.id.clone())).collect();
    letters.dedup();
    assert_eq!(letters.len(), 1, "{when}: {letters:?}");
    let mut published: Vec<String> = rig.published().into_iter().map(|one| one.id).collect();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 5, "{when}: one id for each event that was handled");
    let committed: i64 = (0..2).filter_map(|partition| rig.committed("orders", partition)).sum();
    assert_eq!(committed, 7, "{when}: nothing is lost, nothing is left");
}

#[test]
fn a_crash_after_each_single_step_loses_and_doubles_nothing() {
    let start = || {
        let rig = Rig::with(service(), RigOptions::new().partitions("orders", 2)).unwrap();
        fill(&rig);
        rig
    };
    let quiet = start();
    let mut length = 0;
    while quiet.step().unwrap() {
        length += 1;
    }
    judge(&quiet, "without a crash");
    assert!(length > 20, "{length} steps are no life");
    for step in 0..length {
        let rig = start();
        for _ in 0..step {
            rig.step().unwrap();
        }
        rig.crash().unwrap();
        rig.run().unwrap();
        judge(&rig, &format!("crash after step {step} of {length}"));
    }
}

#[test]
fn a_handler_in_flight_is_cut_off_and_called_again() {
    let slow = |event: Event| async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        seeing(event).await
    };
    let rig = rig(builder().build().unwrap().on("orders", slow));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.advance(Duration::from_secs(5)).unwrap();
    assert_eq!((rig.attempts("e1"), rig.handled().len()), (1, 0), "it runs");
    rig.crash().unwrap();
    assert_eq!(rig.attempts("e1"), 1, "cut off");
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), seen(&rig)), (2, vec!["e1".to_owned()]));
    assert_eq!(rig.now(), Duration::from_secs(15), "5 s until the crash, 10 s for the handler");
}

#[test]
fn what_was_done_and_not_yet_marked_is_done_again() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    rig.send("orders", event("c1", "e1")).unwrap();
    while rig.attempts("e1") == 0 {
        assert!(rig.step().unwrap());
    }
    // The loop takes the outcome and orders the mark; nobody has written it.
    assert!(rig.step().unwrap() && rig.handled().is_empty());
    rig.crash().unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), rig.handled(), seen(&rig)), (2, vec!["e1".to_owned()], vec!["e1".to_owned()]));
}

#[test]
fn a_letter_that_was_not_acknowledged_at_a_crash_is_written_once_by_the_next_life() {
    let rejecting = |_: Event| async { Err(Failure::reject("no")) };
    let rig = rig(builder().build().unwrap().on("orders", rejecting));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.fail_produce(1_000).unwrap();
    rig.advance(Duration::from_secs(5)).unwrap();
    assert_eq!((rig.dead_letters().len(), rig.committed("orders", 0)), (0, Some(0)), "where the partition was claimed");
    rig.crash().unwrap();
    rig.fail_produce(0).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.dead_letters().len(), rig.attempts("e1"), rig.committed("orders", 0)), (1, 2, Some(1)));
}

#[test]
fn a_chain_of_two_services_is_once_from_end_to_end() {
    let invoicing = |event: Event| async move {
        event.publish(Publish::to("invoices").key("k").value(event.id()));
        Ok(())
    };
    // Without a durable inbox the first service handles again after a crash, and publishes again.
    let first = rig(builder().inbox("memory").setup_sql([""; 0]).build().unwrap().on("orders", invoicing));
    first.send("orders", event("c1", "e1")).unwrap();
    while first.handled().is_empty() {
        assert!(first.step().unwrap());
    }
    first.crash().unwrap();
    first.run().unwrap();
    let published = first.published();
    assert_eq!((first.attempts("e1"), published.len()), (2, 2));
    let second = rig(builder().group("mailing").build().unwrap().on("invoices", seeing));
    for one in published.clone() {
        second.send("invoices", one.into()).unwrap();
    }
    second.run().unwrap();
    assert_eq!(seen(&second), [published[0].id.clone()], "the copy is known by its id");
}

#[test]
fn the_memory_inbox_forgets_at_a_crash_what_was_not_committed() {
    let rig = rig(builder().inbox("memory").setup_sql([""; 0]).build().unwrap().on("orders", |_: Event| async { Ok(()) }));
    rig.send("orders", event("c1", "e1")).unwrap();
    while rig.handled().is_empty() {
        assert!(rig.step().unwrap());
    }
    rig.crash().unwrap();
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["e1", "e1"], "level 1: once more after a crash before the commit");
    rig.crash().unwrap();
    rig.run().unwrap();
    assert_eq!(rig.attempts("e1"), 2, "the commit stands");
}

#[test]
fn a_run_that_ends_with_an_error_starts_again_after_a_crash() {
    let effects = |event: Event| async move {
        see(&event);
        Ok(())
    };
    let rig = rig(builder().inbox("memory").setup_sql([""; 0]).build().unwrap().on("orders", effects));
    rig.send("orders", event("c1", "e1")).unwrap();
    let error = rig.run().unwrap_err().to_string();
    assert!(error.contains("memory inbox has none"), "{error}");
    assert!(rig.run().unwrap_err().to_string().contains("closed"));
    rig.crash().unwrap();
    assert!(rig.run().unwrap_err().to_string().contains("memory inbox has none"), "the same event is read again");
}
