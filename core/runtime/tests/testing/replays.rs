//! A handler's whole story: it fails, its event becomes a letter, its key waits, it is mended, and the letters are handled again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onceward::config::raw::AfterDeadLetter;
use onceward::ledger::Filter;
use onceward::testing::{HeldKey, Rig};
use onceward::{Consumer, Event, Failure};

use crate::support::{builder, event, rig, seeing, seen};

/// Refuses values that begin with `bad`, until it is mended.
fn service(mended: &Arc<AtomicBool>, hold: bool) -> Consumer {
    let mended = Arc::clone(mended);
    let handler = move |event: Event| {
        let mended = mended.load(Ordering::SeqCst);
        async move {
            if event.value().is_some_and(|value| value.starts_with(b"bad")) && !mended {
                return Err(Failure::reject("not mended"));
            }
            seeing(event).await
        }
    };
    let builder = builder().configure(|config| {
        let topic = config.topics.entry("orders".to_owned()).or_default();
        topic.after_dead_letter = hold.then_some(AfterDeadLetter::Hold);
        topic.max_replays = Some(2);
    });
    builder.build().unwrap().on("orders", handler)
}

/// A poison in front of two events of its key, and an event of another key.
fn failed(hold: bool) -> (Arc<AtomicBool>, Rig) {
    let mended = Arc::default();
    let rig = rig(service(&mended, hold));
    rig.send("orders", event("a", "a1").value("bad")).unwrap();
    for (key, id) in [("a", "a2"), ("b", "b1"), ("a", "a3")] {
        rig.send("orders", event(key, id)).unwrap();
    }
    rig.run().unwrap();
    (mended, rig)
}

fn states(rig: &Rig) -> Vec<(String, &'static str, u32)> {
    rig.dead_letters().iter().map(|letter| (letter.event_id().to_owned(), letter.state(), letter.replays)).collect()
}

fn state(id: &str, state: &'static str, replays: u32) -> (String, &'static str, u32) {
    (id.to_owned(), state, replays)
}

#[test]
fn a_held_key_comes_back_in_order() {
    let (mended, rig) = failed(true);
    assert_eq!(seen(&rig), ["b1"], "the other key does not notice");
    let behind = vec!["a2".to_owned(), "a3".to_owned()];
    let held = HeldKey { topic: "orders".to_owned(), partition: 0, key: Some(b"a".to_vec()), letter: "a1".to_owned(), behind };
    assert_eq!(rig.held(), [held]);
    assert_eq!(states(&rig), [state("a1", "open", 0), state("a2", "held", 0), state("a3", "held", 0)]);

    mended.store(true, Ordering::SeqCst);
    rig.send("orders", event("a", "a4")).unwrap();
    assert_eq!(rig.replay().unwrap(), 1, "its followers need no asking");
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["b1", "a1", "a2", "a3", "a4"]);
    assert_eq!(rig.held(), []);
    assert!(states(&rig).iter().all(|(_, state, _)| *state == "done"), "{:?}", states(&rig));
    assert_eq!(rig.replay().unwrap(), 0, "nothing is open");
}

#[test]
fn a_replay_that_fails_is_counted_and_ends_at_the_limit() {
    let (_, rig) = failed(false);
    assert_eq!(seen(&rig), ["b1", "a2", "a3"], "without hold the key goes on, when its letter is in the ledger");
    for replays in 1..=2 {
        assert_eq!(rig.replay().unwrap(), 1);
        rig.run().unwrap();
        assert_eq!(states(&rig).last(), Some(&state("a1", "open", replays)));
    }
    assert_eq!(rig.replay().unwrap(), 0, "max_replays = 2");
    assert_eq!(rig.attempts("a1"), 3);
}

#[test]
fn what_is_discarded_is_never_handled_and_lets_its_followers_go() {
    let (_, rig) = failed(true);
    let first = rig.dead_letters()[0].letter.id.clone().unwrap();
    assert_eq!(rig.discard_where(Filter { letters: vec![first], ..Filter::default() }).unwrap(), 1);
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["b1", "a2", "a3"]);
    assert_eq!(states(&rig)[0], state("a1", "discarded", 0));
}

#[test]
fn a_filter_says_which_letters() {
    let mended = Arc::default();
    let rig = rig(service(&mended, false));
    for (key, id) in [("a", "a1"), ("b", "b1")] {
        rig.send("orders", event(key, id).value("bad")).unwrap();
    }
    rig.run().unwrap();
    mended.store(true, Ordering::SeqCst);
    assert_eq!(rig.replay_where(Filter { reason: Some("exhausted".to_owned()), ..Filter::default() }).unwrap(), 0);
    assert_eq!(rig.replay_where(Filter { key: Some(b"b".to_vec()), ..Filter::default() }).unwrap(), 1);
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["b1"]);
    assert_eq!(states(&rig), [state("a1", "open", 0), state("b1", "done", 0)]);
}

#[test]
fn the_ledger_outlives_every_crash_and_the_owner_of_the_partition() {
    for steps in 0.. {
        let (mended, rig) = failed(true);
        mended.store(true, Ordering::SeqCst);
        rig.send("orders", event("a", "a4")).unwrap();
        rig.replay().unwrap();
        let mut left = true;
        for _ in 0..steps {
            left = rig.step().unwrap();
        }
        rig.crash().unwrap();
        if steps % 2 == 0 {
            rig.revoke("orders", 0).unwrap();
            rig.run().unwrap();
            rig.assign("orders", 0).unwrap();
        }
        rig.run().unwrap();
        assert_eq!(seen(&rig), ["b1", "a1", "a2", "a3", "a4"], "a crash after {steps} steps");
        assert_eq!(rig.held(), [], "a crash after {steps} steps");
        if !left {
            return;
        }
    }
}

#[test]
fn nobody_replays_what_has_no_owner() {
    let (mended, rig) = failed(true);
    mended.store(true, Ordering::SeqCst);
    rig.revoke("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.replay().unwrap(), 1);
    rig.run().unwrap();
    assert_eq!((seen(&rig), rig.held().len()), (vec!["b1".to_owned()], 1));
    rig.assign("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["b1", "a1", "a2", "a3"], "the command waited for an owner");
}

#[test]
fn without_a_ledger_nothing_can_be_asked_for() {
    let app = builder().configure(|config| config.dead_letter.get_or_insert_default().replay = Some(false)).build().unwrap();
    let rig = rig(app.on("orders", |_: Event| async { Err(Failure::reject("never")) }));
    rig.send("orders", event("a", "a1")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.dead_letters()[0].state(), "orphan");
    assert!(rig.replay().unwrap_err().to_string().contains("dead_letter.replay"));
}
