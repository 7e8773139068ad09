//! Time, and what is repeatable.

use std::time::{Duration, Instant};

use onceward::testing::{Rig, RigOptions, in_real_time};
use onceward::{Event, Failure};

use crate::support::{builder, event, rig, seeing, seen};

#[test]
fn a_handler_that_waits_too_long_is_stopped_in_simulated_time() {
    let hanging = |event: Event| async move {
        if event.attempt() < 3 {
            std::future::pending::<()>().await;
        }
        seeing(event).await
    };
    let rig = rig(builder().build().unwrap().on("orders", hanging));
    rig.send("orders", event("c1", "e1")).unwrap();
    let began = Instant::now();
    rig.run().unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!((rig.attempts("e1"), seen(&rig)), (3, vec!["e1".to_owned()]));
    assert!(rig.now() > Duration::from_secs(120), "two times 60 s: {:?}", rig.now());
    assert!(rig.history().iter().any(|happened| happened.what.starts_with("attempt 2 of e1: HandlerTimeout")));
}

#[test]
fn handlers_wait_side_by_side() {
    let slow = |event: Event| async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        seeing(event).await
    };
    let rig = rig(builder().concurrency(10).build().unwrap().on("orders", slow));
    for number in 0..20 {
        rig.send("orders", event(&format!("c{number}"), &format!("e{number}"))).unwrap();
    }
    rig.advance(Duration::from_secs(31)).unwrap();
    assert_eq!(rig.handled().len(), 10, "ten at a time");
    rig.run().unwrap();
    assert_eq!(rig.handled().len(), 20);
    assert_eq!(rig.now(), Duration::from_secs(60));
}

#[test]
fn real_waits_hold_the_clock() {
    let asking = |event: Event| async move {
        let (answer, question) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            // Real time must pass, or nothing is shown.
            std::thread::sleep(Duration::from_millis(50));
            answer.send(())
        });
        in_real_time(question).await?;
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(50))).await?;
        seeing(event).await
    };
    let rig = rig(builder().build().unwrap().on("orders", asking));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!((rig.attempts("e1"), seen(&rig).len(), rig.now()), (1, 1, Duration::from_secs(1)));
}

#[test]
fn marks_expire_in_simulated_days() {
    let rig = rig(builder().retention(Duration::from_secs(86_400)).build().unwrap().on("orders", seeing));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    rig.advance(Duration::from_secs(12 * 3_600)).unwrap();
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.attempts("e1"), 1, "within the retention it is a copy");
    rig.advance(Duration::from_secs(48 * 3_600)).unwrap();
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.attempts("e1"), 2, "after it nobody remembers");
}

#[test]
fn a_time_beyond_all_clocks_is_a_century() {
    let rig = rig(builder().build().unwrap().on("orders", seeing));
    rig.advance(Duration::MAX).unwrap();
    assert_eq!(rig.now(), Duration::from_secs(36_525 * 86_400));
    rig.send("orders", event("c1", "e1")).unwrap();
    rig.run().unwrap();
    assert_eq!(rig.handled(), ["e1"]);
}

/// Retries, concurrency, a crash, an outage: whatever could make two runs differ.
fn history(seed: u64) -> Vec<String> {
    let handler = |event: Event| async move {
        let number = u64::from(event.value().unwrap_or_default().iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
        tokio::time::sleep(Duration::from_millis(number % 17)).await;
        if event.attempt() < 3 && number % 3 == 0 { Err(Failure::from(std::io::Error::other("later"))) } else { seeing(event).await }
    };
    let options = RigOptions::new().seed(seed).partitions("orders", 4);
    let rig = Rig::with(builder().build().unwrap().on("orders", handler), options).unwrap();
    rig.fail_store(2).unwrap();
    for number in 0..200 {
        let record = onceward::testing::SendOptions::new().value(format!("{number}")).id(format!("e{number}"));
        let record = if number % 5 == 0 { record } else { record.key(format!("c{}", number % 11)) };
        rig.send("orders", record).unwrap();
    }
    rig.advance(Duration::from_millis(300)).unwrap();
    rig.crash().unwrap();
    rig.run().unwrap();
    assert_eq!((rig.handled().len(), rig.dead_letters().len()), (200, 0));
    rig.history().iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let first = history(7);
    assert!(first.len() > 400);
    for _ in 0..4 {
        let again = history(7);
        let differs = first.iter().zip(&again).position(|(one, other)| one != other);
        assert_eq!(differs.map(|at| (&first[at], &again[at])), None);
        assert_eq!(first.len(), again.len());
    }
    assert_ne!(first, history(8), "another seed, other jitter");
}

#[test]
fn jitter_follows_the_seed() {
    let end = |seed| {
        let failing = |event: Event| async move {
            if event.attempt() < 3 { Err(std::io::Error::other("later").into()) } else { seeing(event).await }
        };
        let rig = Rig::with(builder().build().unwrap().on("orders", failing), RigOptions::new().seed(seed)).unwrap();
        rig.send("orders", event("c1", "e1")).unwrap();
        rig.run().unwrap();
        let handled = rig.history().into_iter().find(|happened| happened.what == "e1 handled").unwrap();
        handled.at
    };
    assert_eq!(end(3), end(3));
    assert_ne!(end(3), end(4));
}

#[test]
fn a_handler_that_blocks_is_named_and_the_test_goes_on() {
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Arc::new(std::sync::Mutex::new(held));
    let blocking = move |_: Event| {
        let held = std::sync::Arc::clone(&held);
        async move {
            assert!(held.lock().unwrap().recv().is_err());
            Ok(())
        }
    };
    let options = RigOptions::new().patience(Duration::from_millis(300));
    let rig = Rig::with(builder().build().unwrap().on("orders", blocking), options).unwrap();
    rig.send("orders", event("c1", "e1")).unwrap();
    let error = rig.run().unwrap_err().to_string();
    assert!(error.contains("a handler blocks its thread"), "{error}");
    drop(release);
}
