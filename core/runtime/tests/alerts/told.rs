//! What callbacks and webhooks are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::ledger::{Ask, Offset, Verb, ask};
use onceward::{AutoOffsetReset, Builder, Consumer, DeadLetter, Event, Failure, Summary};

use crate::receiver::{Receiver, Taken};
use crate::support::{Broker, Sent, logs};

const PAYLOAD: &str = "very private";

fn world(events: u32) -> (Broker, Builder) {
    logs();
    let broker = Broker::start(&["orders"], "billing", 1);
    broker
        .send("orders", (0..events).map(|number| Sent { key: Some("private key"), value: format!("{PAYLOAD} {number}"), headers: vec![] }));
    let builder = Consumer::builder().brokers(broker.address()).group("billing").inbox("memory");
    // This broker answers an empty fetch only when its time is over.
    (broker, builder.auto_offset_reset(AutoOffsetReset::Earliest).kafka("fetch.wait.max.ms", "100"))
}

/// Every event is refused: one in ten for another reason.
async fn refuse(event: Event) -> Result<(), Failure> {
    let why = if event.offset() % 10 == 9 { "no currency" } else { "no total in order" };
    Err(Failure::reject(format!("{why} {}", event.offset())))
}

fn run(app: Consumer) -> Summary {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = async { tokio::time::timeout(Duration::from_secs(60), app.run_until_end(std::future::pending())).await };
    runtime.block_on(run).expect("alerts hold nothing up").unwrap()
}

fn webhook(builder: Builder, url: &str, secret: Option<&str>, every: &str) -> Builder {
    let hook = onceward::config::raw::Webhook {
        url: Some(url.to_owned()),
        secret: secret.map(str::to_owned),
        every: Some(onceward::config::raw::DurationText(every.to_owned())),
    };
    builder.configure(|config| config.alerts = Some(onceward::config::raw::Alerts { webhook: Some(hook) }))
}

fn counts(taken: &[Taken]) -> BTreeMap<String, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for Taken { body, .. } in taken {
        let entry: &mut (u64, u64) = counts.entry(body["fingerprint"].as_str().unwrap().to_owned()).or_default();
        entry.0 += body["count"].as_u64().unwrap();
        entry.1 += u64::from(body["first"].as_bool().unwrap());
    }
    counts
}

#[test]
fn a_callback_hears_of_every_letter_and_may_panic() {
    let (_broker, builder) = world(20);
    let heard: Arc<Mutex<Vec<DeadLetter>>> = Arc::default();
    let notes = Arc::clone(&heard);
    let app = builder.build().unwrap().on("orders", refuse).on_dead_letter(move |letter| {
        let notes = Arc::clone(&notes);
        async move {
            let offset = letter.offset;
            notes.lock().unwrap().push(letter);
            assert!(offset != 3, "a callback that is broken");
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let summary = runtime.block_on(app.run_until_end(std::future::pending())).unwrap();
    assert_eq!(summary.dead_letters, 20);
    // What waited when the run ended is told as long as the runtime lives.
    runtime.block_on(async {
        let all = async {
            while heard.lock().unwrap().len() < 20 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("all are told");
    });
    let heard = heard.lock().unwrap();
    let offsets: Vec<i64> = heard.iter().map(|letter| letter.offset).collect();
    assert_eq!(offsets, (0..20).collect::<Vec<_>>());
    let first = &heard[0];
    assert_eq!((first.topic.as_str(), first.group.as_str(), first.partition, first.attempts), ("orders", "billing", 0, 1));
    assert_eq!(first.letter_id, onceward::letter::letter_id("billing", "orders", 0, 0));
    assert_eq!((first.reason, first.message.as_str()), ("rejected", "no total in order 0"));
    assert!(!format!("{heard:?}").contains("rivate"), "neither key nor payload");
}

#[test]
fn a_webhook_is_told_by_cause_signed_and_without_payload() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "hunter2\n").unwrap();
    let receiver = Receiver::start(0);
    let (_broker, builder) = world(50);
    let app = webhook(builder, &receiver.url, Some(&format!("${{file:{}}}", key.display())), "7d").build().unwrap().on("orders", refuse);
    assert_eq!(run(app).dead_letters, 50);
    let taken = receiver.wait("all are told at the end", |taken| counts(taken).values().map(|(count, _)| count).sum::<u64>() == 50);
    let counts: Vec<(u64, u64)> = counts(&taken).into_values().collect();
    assert!(counts.contains(&(45, 1)) && counts.contains(&(5, 1)), "{counts:?}");
    assert!(taken.len() <= 4, "once at first, and once at the end: {taken:#?}");
    for taken in &taken {
        assert!(taken.is_signed_with("hunter2") && !taken.is_signed_with("hunter3"), "{taken:?}");
        assert!(!taken.text.contains("rivate"), "{}", taken.text);
        assert_eq!(
            (&taken.body["version"], &taken.body["type"], &taken.body["topic"]),
            (&1.into(), &"dead_letter".into(), &"orders".into())
        );
        assert!(taken.head.starts_with("POST /hook/token HTTP/1.1"), "{}", taken.head);
    }
}

#[test]
fn a_replay_that_fails_is_told_although_its_cause_is_known() {
    let receiver = Receiver::start(0);
    let heard: Arc<Mutex<Vec<DeadLetter>>> = Arc::default();
    let (broker, builder) = world(1);
    let address = broker.address();
    // The memory inbox of each run is empty; offsets and ledger are not.
    let app = || {
        let notes = Arc::clone(&heard);
        let builder = Consumer::builder().brokers(address.clone()).group("billing").inbox("memory").kafka("fetch.wait.max.ms", "100");
        // This broker keeps a member that left until its session is over.
        let builder = builder.kafka("session.timeout.ms", "4000").kafka("heartbeat.interval.ms", "300");
        webhook(builder.auto_offset_reset(AutoOffsetReset::Earliest), &receiver.url, None, "7d")
            .build()
            .unwrap()
            .on("orders", refuse)
            .on_dead_letter(move |letter| {
                notes.lock().unwrap().push(letter);
                std::future::ready(())
            })
    };
    drop(builder);
    assert_eq!(run(app()).dead_letters, 1);
    let client = [("bootstrap.servers".to_owned(), address.clone())];
    let what = Ask { verb: Verb::Replay, force: false, rate: None, who: "test".to_owned() };
    for replays in 0..2 {
        ask(&client, "orders.billing.ledger", &[(0, Offset(0), replays)], &what, Duration::from_secs(10)).unwrap();
        assert_eq!(run(app()).handled, 0);
    }
    let taken = receiver.wait("the letter and both replays", |taken| taken.len() == 3);
    let told: Vec<_> = taken.iter().map(|taken| (taken.body["type"].as_str().unwrap(), taken.body["replays"].as_u64().unwrap())).collect();
    assert_eq!(told, [("dead_letter", 0), ("replay_failed", 1), ("replay_failed", 2)]);
    let of = |taken: &Taken| (taken.body["letter_id"].clone(), taken.body["fingerprint"].clone(), taken.body["message"].clone());
    assert_eq!(of(&taken[1]), of(&taken[0]), "the same letter and cause");
    let heard: Vec<(u32, i64, u32)> = heard.lock().unwrap().iter().map(|letter| (letter.replays, letter.offset, letter.attempts)).collect();
    assert_eq!(heard, [(0, 0, 1), (1, 0, 1), (2, 0, 1)]);
}

#[test]
fn a_receiver_that_refuses_is_asked_again() {
    let receiver = Receiver::start(2);
    let (_broker, builder) = world(10);
    let stop = Arc::new(tokio::sync::Notify::new());
    let app = webhook(builder, &receiver.url, None, "1s").build().unwrap().on("orders", refuse);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let over = Arc::clone(&stop);
    let running = runtime.spawn(async move { app.run(async move { over.notified().await }).await });
    let taken = receiver.wait("both causes, with all letters", |taken| counts(taken).values().map(|(count, _)| count).sum::<u64>() == 10);
    assert_eq!(counts(&taken).values().map(|(_, first)| first).sum::<u64>(), 2, "{taken:#?}");
    assert!(!taken[0].head.contains("onceward-signature"), "no key, no signature");
    stop.notify_one();
    runtime.block_on(running).unwrap().unwrap();
}

#[test]
fn a_receiver_that_is_away_holds_nothing_up() {
    // A port that nobody listens to: bound once, so that it is free, and left.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_broker, builder) = world(200);
    let app = webhook(builder, &format!("http://{address}"), None, "1s").build().unwrap().on("orders", refuse);
    assert_eq!(run(app).dead_letters, 200);
}

#[test]
fn what_is_wrong_with_a_webhook_is_told_before_the_start() {
    let build = |url: &str, secret: Option<&str>| webhook(world(0).1, url, secret, "1s").build().err().map(|error| error.to_string());
    assert!(build("ftp://x", None).unwrap().contains("alerts.webhook.url: must begin with https://"));
    assert!(build("https://me:secret@x/", None).unwrap().contains("credentials"));
    let inline = build("https://x/", Some("hunter2")).unwrap();
    assert!(inline.contains("must be a reference") && !inline.contains("hunter2"), "{inline}");
    assert_eq!(build("${env:HOOK}", Some("${env:KEY}")), None, "references are looked up at the start");
    let shown = format!("{:?}", webhook(Consumer::builder(), "https://hooks.example.com/T0/B0/token", None, "1s"));
    assert!(shown.contains("https://hooks.example.com/****") && !shown.contains("token"), "{shown}");
}
