//! Everything fails, the handler is mended, and everything is replayed: from the command to the last letter that is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use onceward::kafka::{consumer_properties, producer_properties};
use onceward::ledger::{Ask, Filter, Ledger, Verb, ask};
use onceward::letter::Scan;
use onceward::{Consumer, Event, Failure, Metrics};

use super::ours;
use crate::Outcome;
use crate::env::{self, Line};

/// How long a broker may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run() -> Outcome<()> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async_run(started))
}

async fn async_run(started: Instant) -> Outcome<()> {
    let count = env::number("COUNT", 1_000);
    let mended = Arc::new(AtomicBool::new(false));
    let app = register(ours::consumer()?, &mended);
    let metrics = app.metrics();
    let act = tokio::spawn(async move {
        until(&metrics, |given_up, _| given_up >= count).await;
        mended.store(true, Ordering::Release);
        let (asked, letters) = tokio::task::spawn_blocking(replay_everything).await??;
        if letters != count {
            return Err(format!("{letters} of {count} letters wait for a person").into());
        }
        until(&metrics, |_, handled| handled >= count).await;
        Outcome::Ok((asked, asked.elapsed()))
    });
    let over = tokio::sync::Notify::new();
    let watched = async {
        let result = act.await;
        over.notify_one();
        result
    };
    let (summary, acted) = tokio::join!(app.run(over.notified()), watched);
    let (asked, took) = acted??;
    let mut line = Line::new("onceward", count, asked, started);
    line.seconds = took.as_secs_f64();
    line.dlt = summary?.dead_letters;
    line.print();
    Ok(())
}

fn register(app: Consumer, mended: &Arc<AtomicBool>) -> Consumer {
    let (mended, upserts) = (Arc::clone(mended), env::text("HANDLER", "noop") == "upsert");
    app.on(env::text("TOPIC", "bench"), move |event: Event| {
        let mended = Arc::clone(&mended);
        async move {
            if !mended.load(Ordering::Acquire) {
                return Err(Failure::reject("not mended yet"));
            }
            if upserts { ours::upsert(&event) } else { Ok(()) }
        }
    })
}

/// Asks for every letter; when it was asked, and how many there are. The clock starts before the first command is written.
fn replay_everything() -> Outcome<(Instant, u64)> {
    let (topic, group) = (env::text("TOPIC", "bench"), env::text("GROUP", "bench"));
    let (name, client) = (format!("{topic}.{group}.ledger"), consumer_properties(&env::brokers(), "onceward-bench", &[]));
    let scan = Scan { client: &client, topic: &name, only: None, parts: None, timeout: PATIENCE };
    let ledger = Ledger::read(&scan, |_| {})?.ok_or("there is no ledger")?;
    let letters: Vec<_> = ledger
        .choose(&group, &topic, &Filter::default(), None)
        .iter()
        .filter(|chosen| chosen.waits_for_a_person())
        .map(|chosen| (chosen.partition, chosen.letter.record.offset, chosen.letter.record.replays))
        .collect();
    let what = Ask { verb: Verb::Replay, force: false, rate: None, who: "onceward-bench".to_owned() };
    let asked = Instant::now();
    ask(&producer_properties(&env::brokers(), &[]), ledger.topic(), &letters, &what, PATIENCE)?;
    Ok((asked, letters.len() as u64))
}

/// Returns when so many are given up or handled.
async fn until(metrics: &Metrics, enough: impl Fn(u64, u64) -> bool) {
    let mut tick = tokio::time::interval(Duration::from_millis(2));
    loop {
        tick.tick().await;
        let summary = metrics.summary();
        if enough(summary.dead_letters, summary.handled) {
            return;
        }
    }
}
