//! Letters that are tried on a consumer, without a broker: what `Consumer::dry_run` says, and what it leaves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onceward::dry_run::{Case, Verdict};
use onceward::ledger::{LetterRecord, LetterState, Offset, key_digest};
use onceward::testing::{DeadLetter, Rig};
use onceward::{Backoff, Builder, Consumer, Event, Failure, HandlerOptions, Publish};

use crate::support::{builder, event, rig};

fn hold(builder: Builder) -> Builder {
    builder.configure(|config| {
        config.topics.entry("orders".to_owned()).or_default().after_dead_letter = Some(onceward::config::raw::AfterDeadLetter::Hold);
    })
}

/// Letters of events whose value is `bad`, and of those behind them.
fn letters(values: &[(&str, &str, &str)]) -> Vec<Case> {
    let rejecting = |event: Event| async move { if event.value() == Some(b"bad") { Err(Failure::reject("no")) } else { Ok(()) } };
    let rig: Rig = rig(hold(builder()).build().unwrap().on("orders", rejecting));
    for (key, id, value) in values {
        rig.send("orders", event(key, id).value(*value)).unwrap();
    }
    rig.run().unwrap();
    rig.dead_letters().into_iter().map(case).collect()
}

fn case(letter: DeadLetter) -> Case {
    let record = LetterRecord {
        offset: Offset(letter.letter.offset.unwrap()),
        epoch: Offset(9),
        state: letter.state.unwrap(),
        replays: 7,
        key: letter.key.as_deref().map(key_digest),
        holds: true,
        letter: Offset(letter.position.offset + 100),
        reason: onceward_engine::Reason::Rejected,
        fingerprint: "f".to_owned(),
        time: 0,
        again: 0,
    };
    let DeadLetter { position, key, value, headers, .. } = letter;
    Case { topic: "orders".to_owned(), partition: position.partition, timestamp: Some(0), key, value, headers: headers.0, record }
}

fn tried(app: Consumer, letters: &[Case]) -> Vec<(String, Verdict)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let tried = runtime.block_on(app.dry_run(letters.to_vec())).unwrap();
    tried.into_iter().map(|tried| (tried.event_id, tried.verdict)).collect()
}

#[test]
fn each_letter_has_one_attempt_in_its_order_in_real_time_and_nobody_is_woken() {
    let letters = letters(&[("a", "a1", "bad"), ("a", "a2", "ok"), ("b", "b1", "bad"), ("b", "b2", "ok"), ("a", "a3", "ok")]);
    let (seen, woken): (Arc<Mutex<Vec<String>>>, Arc<AtomicU32>) = Default::default();
    let (notes, bell) = (Arc::clone(&seen), Arc::clone(&woken));
    let slow = Duration::from_millis(50);
    // A back-off and a rate that nobody would wait for.
    let builder =
        hold(builder()).inbox("memory").setup_sql(Vec::<String>::new()).retry(Backoff::new().attempts(9).first(Duration::from_secs(20)));
    let app = builder.build().unwrap().on_with("orders", HandlerOptions::new().max_rate(0.001), move |event: Event| {
        let notes = Arc::clone(&notes);
        async move {
            notes.lock().unwrap().push(if event.replayed() { event.id().to_owned() } else { "live".to_owned() });
            tokio::time::sleep(slow).await;
            event.publish(Publish::to("invoices").value("x"));
            // What it publishes to its own topic is dropped, too: else this would never end.
            event.publish(Publish::to("orders").value("ok"));
            if event.id() == "b1" { Err(std::io::Error::other("still no total").into()) } else { Ok(()) }
        }
    });
    let app = app.on_dead_letter(move |_| {
        bell.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    });
    let begun = Instant::now();
    let verdicts = tried(app, &letters);
    assert!(begun.elapsed() >= slow * 3 && begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let failed = |verdict: &Verdict| matches!(verdict, Verdict::Failed { reason, message, .. } if reason == "exhausted" && message == "still no total");
    for (id, verdict) in &verdicts {
        match id.as_str() {
            "b1" => assert!(failed(verdict), "{verdict:?}"),
            "b2" => assert_eq!(*verdict, Verdict::Behind),
            _ => assert_eq!(*verdict, Verdict::Handled { publishes: 2 }, "{id}"),
        }
    }
    assert_eq!(verdicts.len(), 5);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|id| id.starts_with('a')).collect::<Vec<_>>(), ["a1", "a2", "a3"]);
    assert_eq!((seen.len(), woken.load(Ordering::SeqCst)), (4, 0), "once each, and no alert");
}

#[test]
fn what_cannot_run_is_told_from_what_fails() {
    let mut letters = letters(&[("a", "a1", "bad"), ("b", "b1", "bad")]);
    // Another record stands where the ledger says that the letter of a1 is; and nobody handles the other topic.
    letters[0].headers.retain(|(name, _)| name != b"onceward-letter-id");
    letters[1].topic = "payments".to_owned();
    let app = builder().inbox("memory").setup_sql(Vec::<String>::new()).build().unwrap().on("orders", |_: Event| async { Ok(()) });
    let verdicts: Vec<Verdict> = tried(app, &letters).into_iter().map(|tried| tried.1).collect();
    assert_eq!(verdicts, [Verdict::Unreadable, Verdict::Unhandled]);
    assert!(letters.iter().all(|letter| letter.record.state == LetterState::Open));
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    let letters = letters(&[("a", "a1", "bad")]);
    let app = || builder().inbox(format!("sqlite:{}", file.display())).build().unwrap().on("orders", |_: Event| async { Ok(()) });
    assert_eq!(tried(app(), &letters)[0].1, Verdict::Handled { publishes: 0 });
    assert!(!file.exists(), "effects met empty tables of the rig's own");
}
