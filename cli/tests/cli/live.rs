//! The commands beside a running service: a letter, what is held behind it, and both coming back in order. Nothing is played here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use onceward::config::raw::AfterDeadLetter;
use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Metrics, Summary};
use rdkafka::message::OwnedHeaders;
use serde_json::Value;

use crate::ledger::World;

/// A service that fails for the events of key `a` whose value is `bad`, until it is mended.
struct Service {
    mended: Arc<AtomicBool>,
    handled: Arc<Mutex<Vec<String>>>,
    metrics: Arc<Metrics>,
    stop: Arc<tokio::sync::Notify>,
    running: tokio::task::JoinHandle<Result<Summary, onceward::Error>>,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start(world: &World) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mended, handled, stop) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<String>>>::default(), Arc::new(tokio::sync::Notify::new()));
        let (good, notes, over) = (Arc::clone(&mended), Arc::clone(&handled), Arc::clone(&stop));
        let app = Consumer::builder()
            .brokers(world.brokers.clone())
            .group("billing")
            .inbox(format!("sqlite:{}", folder.path().join("inbox.db").display()))
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .retry(Backoff::new().attempts(1))
            .kafka("session.timeout.ms", "6000")
            .configure(|config| config.topics.entry(world.topic.clone()).or_default().after_dead_letter = Some(AfterDeadLetter::Hold))
            .build()
            .unwrap()
            .on(world.topic.clone(), move |event: Event| {
                let value = String::from_utf8_lossy(event.value().unwrap()).into_owned();
                let failed = value.starts_with("bad") && !good.load(Ordering::SeqCst);
                if !failed {
                    notes.lock().unwrap().push(value);
                }
                std::future::ready(if failed { Err(Failure::from(std::io::Error::other("no total"))) } else { Ok(()) })
            });
        let metrics = app.metrics();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let running = runtime.spawn(async move { app.run(async move { over.notified().await }).await });
        Self { mended, handled, metrics, stop, running, runtime, _folder: folder }
    }

    fn stop(self) -> Vec<String> {
        self.stop.notify_one();
        self.runtime.block_on(self.running).unwrap().unwrap();
        std::mem::take(&mut *self.handled.lock().unwrap())
    }
}

fn send(world: &World, values: &[&str]) {
    for value in values {
        let key: &[u8] = if value.ends_with('b') { b"b" } else { b"a" };
        world.store(&world.topic, 1, Some(key), Some(value.as_bytes()), OwnedHeaders::new());
    }
    world.flush();
}

/// Asks until the answer fits.
fn until(world: &World, arguments: &[&str], fits: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let answer = world.json(arguments, 0);
        if fits(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{arguments:?}: {answer:#}");
    }
}

#[test]
fn a_letter_and_what_is_held_behind_it_come_back_in_order_while_the_service_runs() {
    let world = World::new();
    let service = Service::start(&world);
    send(&world, &["one", "bad", "two", "three", "one of b"]);
    let list = until(&world, &["dlt", "list"], |list| list["letters"] == 3);
    let group = &list["groups"][0];
    assert_eq!((&group["open"], &group["held"], list["groups"].as_array().unwrap().len()), (&1.into(), &2.into(), 1), "{list:#}");
    assert!(group["message"].as_str().unwrap().contains("no total"), "what failed tells, not what waits: {list:#}");
    let held = world.json(&["held"], 0);
    assert_eq!((&held["keys"][0]["key"]["utf8"], &held["keys"][0]["behind"]), (&"a".into(), &2.into()), "{held:#}");
    assert_eq!(held["keys"][0]["fingerprint"], group["fingerprint"]);

    // Not mended yet: it fails again, and what is held stays.
    let again = world.json(&["dlt", "replay", "--yes", "--wait=60s"], 1);
    assert_eq!((&again["outcome"]["failed"], &again["outcome"]["behind"]), (&1.into(), &2.into()), "{again:#}");
    let shown = world.json(&["dlt", "show", &world.id(1, 1)], 0);
    assert_eq!(
        (&shown["state"], &shown["replays"], &shown["commands"]),
        (&"open".into(), &1.into(), &Value::Array(Vec::new())),
        "{shown:#}"
    );

    service.mended.store(true, Ordering::SeqCst);
    let done = world.json(&["dlt", "replay", "--yes", "--wait=60s"], 0);
    assert_eq!((&done["outcome"]["done"], &done["outcome"]["waiting"]), (&3.into(), &0.into()), "{done:#}");
    assert_eq!(until(&world, &["dlt", "list"], |list| list["letters"] == 0)["groups"], Value::Array(Vec::new()));
    let handled = service.stop();
    let of_a: Vec<&str> = handled.iter().map(String::as_str).filter(|value| !value.ends_with('b')).collect();
    assert_eq!(of_a, ["one", "bad", "two", "three"], "once each, in order");
}

#[test]
fn a_discard_releases_what_was_held_and_the_metrics_say_how_letters_stand() {
    let world = World::new();
    let service = Service::start(&world);
    send(&world, &["bad", "two"]);
    until(&world, &["dlt", "list"], |list| list["letters"] == 2);
    let begun = Instant::now();
    let line = |name: &str| format!("onceward_{name}{{topic=\"{}\"}} ", world.topic);
    let stands = loop {
        let text = service.metrics.prometheus();
        if text.contains(&format!("{}1", line("held_keys"))) {
            break text;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
        // A service that handles nothing counts its letters every ten seconds.
        std::thread::yield_now();
    };
    assert!(stands.contains(&format!("{}1", line("open_letters"))) && stands.contains(&format!("{}1", line("held_letters"))), "{stands}");
    let left = stands.lines().find_map(|text| text.strip_prefix(&line("letter_deletion_seconds"))).unwrap().parse::<f64>().unwrap();
    assert!((6.0 * 86_400.0..7.0 * 86_400.0).contains(&left), "it was created with seven days: {left}");

    let done = world.json(&["dlt", "discard", "--letter", &world.id(1, 0), "--yes", "--wait=60s"], 0);
    assert_eq!((&done["outcome"]["discarded"], &done["topics"][0]["released"]), (&1.into(), &1.into()), "{done:#}");
    until(&world, &["dlt", "list"], |list| list["letters"] == 0);
    assert_eq!(service.stop(), ["two"], "the discarded one never ran");
}
