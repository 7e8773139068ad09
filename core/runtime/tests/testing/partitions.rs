//! The group takes partitions and gives them back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::testing::{Rig, RigOptions};
use onceward::{AutoOffsetReset, Event, EventBatch};

use crate::support::{builder, event, rig, seeing, seen};

#[test]
fn a_revoked_partition_is_drained_committed_and_left_alone() {
    let slow = |event: Event| async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        seeing(event).await
    };
    let rig = rig(builder().build().unwrap().on("orders", slow));
    for id in ["e1", "e2", "e3"] {
        rig.send("orders", event("c1", id)).unwrap();
    }
    rig.advance(Duration::from_secs(4)).unwrap();
    rig.revoke("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!(
        (rig.handled(), rig.committed("orders", 0)),
        (vec!["e1".to_owned(), "e2".to_owned()], Some(2)),
        "what ran is finished, e3 is not begun"
    );
    rig.send("orders", event("c1", "e4")).unwrap();
    rig.advance(Duration::from_secs(60)).unwrap();
    assert_eq!(rig.handled().len(), 2, "it is another member's");
    rig.assign("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!(seen(&rig), ["e1", "e2", "e3", "e4"]);
    assert_eq!((rig.attempts("e2"), rig.attempts("e3")), (1, 1));
}

#[test]
fn a_partition_that_is_lost_takes_back_what_was_not_marked() {
    let slow = |event: Event| async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        seeing(event).await
    };
    let options = RigOptions::new().partitions("orders", 2);
    let rig = Rig::with(builder().build().unwrap().on("orders", slow), options).unwrap();
    rig.send("orders", event("c1", "lost").partition(0)).unwrap();
    rig.send("orders", event("c2", "kept").partition(1)).unwrap();
    rig.advance(Duration::from_secs(2)).unwrap();
    rig.lose("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.handled(), rig.committed("orders", 0)), (vec!["kept".to_owned()], Some(0)), "its result counts no more");
    rig.assign("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!((seen(&rig), rig.attempts("lost")), (vec!["kept".to_owned(), "lost".to_owned()], 2));
}

/// Says when the future that holds it is dropped.
struct Held(Arc<Mutex<Vec<String>>>, String);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(std::mem::take(&mut self.1));
    }
}

#[test]
fn handlers_of_a_partition_that_is_gone_are_stopped_where_they_wait_and_no_others() {
    let ended = Arc::new(Mutex::new(Vec::new()));
    let (one, several) = (Arc::clone(&ended), Arc::clone(&ended));
    let hanging = move |event: Event| {
        let held = Held(Arc::clone(&one), event.id());
        async move {
            let _held = held;
            std::future::pending().await
        }
    };
    let hanging_batch = move |batch: EventBatch| {
        let held = Held(Arc::clone(&several), batch.events()[0].id());
        async move {
            let _held = held;
            std::future::pending().await
        }
    };
    let options = RigOptions::new().partitions("orders", 2);
    let app = builder().drain_deadline(Duration::from_secs(10)).build().unwrap();
    let rig = Rig::with(app.on("orders", hanging).on_batch("copies", hanging_batch), options).unwrap();
    rig.send("orders", event("c1", "lost").partition(0)).unwrap();
    rig.send("orders", event("c2", "kept").partition(1)).unwrap();
    rig.send("copies", event("c3", "given back")).unwrap();
    rig.advance(Duration::from_secs(2)).unwrap();
    let ended = || ended.lock().unwrap().clone();
    rig.lose("orders", 0).unwrap();
    rig.revoke("copies", 0).unwrap();
    rig.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(ended(), ["lost"], "what is given back in order is waited for");
    rig.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(ended(), ["lost", "given back"]);
    let failed: Vec<_> = rig.history().into_iter().filter(|happened| happened.what.contains("HandlerTimeout")).collect();
    assert!(failed.is_empty(), "it is nobody's failure: {failed:?}");
}

#[test]
fn a_drain_that_takes_too_long_gives_up() {
    let slow = |event: Event| async move {
        tokio::time::sleep(Duration::from_secs(40)).await;
        seeing(event).await
    };
    let rig = rig(builder().drain_deadline(Duration::from_secs(10)).build().unwrap().on("orders", slow));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.advance(Duration::from_secs(1)).unwrap();
    rig.revoke("orders", 0).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.handled(), rig.committed("orders", 0)), (vec![], Some(0)));
    let given_back = rig.history().into_iter().find(|happened| happened.what.contains("given back")).unwrap();
    assert_eq!(given_back.at, Duration::from_secs(11));
}

#[test]
fn where_to_begin_is_the_configurations_affair() {
    let rig = rig(builder().auto_offset_reset(AutoOffsetReset::Error).build().unwrap().on("orders", seeing));
    let error = rig.run().unwrap_err().to_string();
    assert!(error.contains("auto_offset_reset"), "{error}");
}

#[test]
fn a_partition_that_comes_late_is_handled_though_a_paused_topic_holds_the_whole_budget() {
    let app = builder().concurrency(4).credit(64, 1 << 20).build().unwrap().on("paused", seeing).on("late", seeing);
    let control = app.control();
    let rig = rig(app);
    rig.revoke("late", 0).unwrap();
    rig.run().unwrap();
    control.pause("paused").unwrap();
    (0..100).for_each(|number| drop(rig.send("paused", event("k", &format!("p{number}"))).unwrap()));
    rig.run().unwrap();
    rig.assign("late", 0).unwrap();
    (0..100).for_each(|number| drop(rig.send("late", event("k", &format!("e{number}"))).unwrap()));
    rig.run().unwrap();
    assert_eq!(seen(&rig).len(), 100, "of the late one, all");
    control.resume("paused").unwrap();
    rig.run().unwrap();
    assert_eq!(seen(&rig).len(), 200);
}
