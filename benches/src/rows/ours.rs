//! Onceward as a row.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use onceward::{AutoOffsetReset, Backoff, Consumer, Event, Failure, Metrics, Publish};
use serde::Deserialize;

use super::is_poison;
use crate::env::{self, Line};
use crate::{Outcome, plan};

/// What the handlers note.
#[derive(Default)]
struct Notes {
    first: OnceLock<Instant>,
    /// Timestamps of healthy records in the order of handling, when delays are asked for.
    healthy: Mutex<Vec<i64>>,
    handler_micros: AtomicU64,
    handlers: AtomicU64,
}

#[derive(Deserialize)]
struct Order {
    amount: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("poisoned")]
struct Poisoned;

const MILLION: u64 = 1_000_000;

const UPSERT: &str = "INSERT INTO balance(entity,amount) VALUES(?1,?2) ON CONFLICT(entity) DO UPDATE SET amount=amount+excluded.amount";

pub(super) fn run() -> Outcome<()> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async_run(started))
}

async fn async_run(started: Instant) -> Outcome<()> {
    if std::env::var("RUST_LOG").is_ok() {
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    }
    let count = env::number("COUNT", 1_000);
    let notes = Arc::new(Notes::default());
    let app = register(consumer()?, &notes);
    let metrics = app.metrics();
    let watch = watch(Arc::clone(&metrics), count);
    let memory = (env::number("SLOPE", 0) > 0).then(|| grow(Arc::clone(&metrics), count));
    let marks = (env::text("HANDLER", "noop") == "delay").then(|| sample(Arc::clone(&metrics), count));
    if env::text("HANDLER", "noop") == "hold" {
        tokio::spawn(app.run(std::future::pending()));
        hold(&metrics, count).await;
        Line::new("onceward", count, started, started).print();
        // Nothing of it ever ends by itself.
        std::process::exit(0);
    }
    let summary = app.run(watch).await?;
    let first = notes.first.get().copied().unwrap_or(started);
    let mut line = Line::new("onceward", summary.handled + summary.duplicates + summary.dead_letters, first, started);
    (line.dups, line.dlt) = (summary.duplicates, summary.dead_letters);
    if let Some(marks) = marks {
        let marks = marks.await?;
        let healthy = notes.healthy.lock().unwrap_or_else(PoisonError::into_inner);
        line.delays(healthy.iter().zip(marks).map(|(sent, marked)| marked - sent).collect());
    }
    if let Some(memory) = memory {
        line.rss_mib = memory.await?;
    }
    let handlers = notes.handlers.load(Ordering::Relaxed);
    if handlers > 0 {
        line.handler_ms = Some(notes.handler_micros.load(Ordering::Relaxed) as f64 / handlers as f64 / 1_000.0);
    }
    line.print();
    Ok(())
}

pub(super) fn consumer() -> Outcome<Consumer> {
    let holds = env::text("HANDLER", "noop") == "hold";
    let (records, bytes) = if holds {
        (u32::try_from(env::number("COUNT", 10_000))?, 256 << 20)
    } else {
        (u32::try_from(env::number("CREDIT", 10_000))?, 64 << 20)
    };
    let mut builder = Consumer::builder()
        .brokers(env::brokers())
        .group(env::text("GROUP", "bench"))
        .inbox(if env::text("INBOX", "sqlite") == "memory" {
            "memory".to_owned()
        } else {
            format!("sqlite:{}", env::text("DB", "bench.db"))
        })
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .event_id(env::text("EVENT_ID", "header:ce_id"))
        .concurrency(u32::try_from(env::number("CONC", 256))?)
        .credit(records, bytes)
        .retry(
            Backoff::new().attempts(u32::try_from(env::number("ATTEMPTS", 3))?).first(Duration::from_millis(100)).factor(1.0).jitter(0.0),
        )
        .configure(|config| {
            // The group changes with every run, the dead-letter topic does not.
            config.dead_letter = Some(onceward::config::raw::DeadLetter {
                topic: Some("{topic}.dlt".to_owned()),
                replay: (env::number("REPLAY", 1) == 0).then_some(false),
                ..Default::default()
            });
            if env::number("HOLD", 0) > 0 {
                let topic = config.topics.entry(env::text("TOPIC", "bench")).or_default();
                topic.after_dead_letter = Some(onceward::config::raw::AfterDeadLetter::Hold);
            }
        })
        // A ledger belongs to one group.
        .create_topics(true);
    for (name, value) in plan::FETCH.iter().filter(|(name, _)| !plan::OWNED.contains(name)) {
        builder = builder.kafka(*name, *value);
    }
    if env::text("HANDLER", "noop") == "upsert" {
        builder = builder.setup_sql(["CREATE TABLE IF NOT EXISTS balance(entity TEXT PRIMARY KEY, amount INTEGER NOT NULL) WITHOUT ROWID"]);
    }
    Ok(builder.build()?)
}

fn register(app: Consumer, notes: &Arc<Notes>) -> Consumer {
    let topic = env::text("TOPIC", "bench");
    let notes = Arc::clone(notes);
    match env::text("HANDLER", "noop").as_str() {
        "upsert" => app.on(topic, move |event: Event| {
            notes.first.get_or_init(Instant::now);
            async move { upsert(&event) }
        }),
        "sleep5" => app.on(topic, move |_event: Event| {
            notes.first.get_or_init(Instant::now);
            let notes = Arc::clone(&notes);
            async move {
                let started = Instant::now();
                tokio::time::sleep(Duration::from_millis(5)).await;
                notes.handler_micros.fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap_or(0), Ordering::Relaxed);
                notes.handlers.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }),
        "publish" => app.on(topic, move |event: Event| {
            notes.first.get_or_init(Instant::now);
            async move {
                let copy = Publish::to(format!("{}.out", event.topic())).key(event.key().unwrap_or_default());
                event.publish(copy.value(event.value().unwrap_or_default()));
                Ok(())
            }
        }),
        "poison" => app.on(topic, move |event: Event| {
            notes.first.get_or_init(Instant::now);
            async move { if is_poison(event.value().unwrap_or_default()) { Err(Poisoned.into()) } else { Ok(()) } }
        }),
        "hold" => app.on(topic, |_event: Event| std::future::pending()),
        "delay" => app.on(topic, move |event: Event| {
            notes.first.get_or_init(Instant::now);
            let notes = Arc::clone(&notes);
            async move {
                if is_poison(event.value().unwrap_or_default()) {
                    return Err(Poisoned.into());
                }
                notes.healthy.lock().unwrap_or_else(PoisonError::into_inner).push(event.timestamp().unwrap_or(0));
                Ok(())
            }
        }),
        _ => app.on(topic, move |_event: Event| {
            notes.first.get_or_init(Instant::now);
            async move { Ok(()) }
        }),
    }
}

pub(super) fn upsert(event: &Event) -> Result<(), Failure> {
    let order: Order = event.json()?;
    event.effect(UPSERT, (std::str::from_utf8(event.key().unwrap_or_default())?, order.amount));
    Ok(())
}

/// Resolves when everything is resolved.
async fn watch(metrics: Arc<Metrics>, count: u64) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    loop {
        tick.tick().await;
        let summary = metrics.summary();
        if summary.handled + summary.duplicates + summary.dead_letters >= count {
            return;
        }
    }
}

/// Resolves when so many records are in flight; a partition may take its share beside what others took before it came.
async fn hold(metrics: &Metrics, count: u64) {
    let in_flight = |text: &str| text.lines().find_map(|line| line.strip_prefix("onceward_in_flight ")?.parse::<u64>().ok());
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    while in_flight(&metrics.prometheus()).is_none_or(|records| records < count) {
        tick.tick().await;
    }
}

/// The memory of this process after each million of records.
fn grow(metrics: Arc<Metrics>, count: u64) -> tokio::task::JoinHandle<Vec<f64>> {
    tokio::task::spawn_blocking(move || {
        let mut sizes = Vec::new();
        while (sizes.len() as u64) < count / MILLION {
            let summary = metrics.summary();
            if summary.handled + summary.duplicates + summary.dead_letters >= (sizes.len() as u64 + 1) * MILLION {
                sizes.push(env::rss_mib());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        sizes
    })
}

/// When the n-th mark was durable, seen by looking every half millisecond.
fn sample(metrics: Arc<Metrics>, count: u64) -> tokio::task::JoinHandle<Vec<i64>> {
    tokio::task::spawn_blocking(move || {
        let mut marks = Vec::new();
        loop {
            let summary = metrics.summary();
            let now = env::now_millis();
            marks.resize(usize::try_from(summary.handled).unwrap_or(usize::MAX), now);
            if summary.handled + summary.duplicates + summary.dead_letters >= count {
                return marks;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    })
}
