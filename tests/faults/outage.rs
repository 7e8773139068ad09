//! What handlers call is away, under load, on a real broker: nothing is given up, and it ends by itself.
//!
//! `ONCEWARD_TEST_OUTAGE` says for how many seconds (`cargo xtask faults` a minute, with the breaker's own defaults; CI a few).

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use onceward::config::raw::Breaker;
use onceward::{AutoOffsetReset, Consumer, Event, Failure, Metrics};
use onceward_tests::kafka::{self, Outgoing};
use tokio::net::UnixStream as Caller;
use tokio::sync::Notify;

const KEYS: u64 = 200;
/// Records in one portion, and the time between two.
const PORTION: u64 = 100;
const PACE: Duration = Duration::from_millis(200);
/// From this many seconds on the breaker's own defaults have time to show.
const LONG: u64 = 30;
/// No step takes longer, the minute of the outage included.
const PATIENCE: Duration = Duration::from_secs(240);

/// What handlers call: says `ok` to everybody, while it is there.
struct Downstream {
    address: PathBuf,
    away: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Downstream {
    fn start(address: &Path) -> Self {
        let listener = UnixListener::bind(address).unwrap();
        let away = Arc::new(AtomicBool::new(false));
        let leaving = Arc::clone(&away);
        let thread = std::thread::spawn(move || {
            for caller in listener.incoming() {
                if leaving.load(Ordering::SeqCst) {
                    return;
                }
                // A caller that has hung up wants no answer.
                drop(caller.unwrap().write_all(b"ok"));
            }
        });
        Self { address: address.to_owned(), away, thread }
    }

    /// Gone, until it is started again.
    fn stop(self) {
        self.away.store(true, Ordering::SeqCst);
        drop(UnixStream::connect(&self.address).unwrap());
        self.thread.join().unwrap();
        std::fs::remove_file(&self.address).unwrap();
    }
}

/// One call; an error when nobody answers.
async fn ask(address: &Path) -> std::io::Result<()> {
    let caller = Caller::connect(address).await?;
    let mut answer = [0; 2];
    loop {
        caller.readable().await?;
        match caller.try_read(&mut answer) {
            Ok(2) => return Ok(()),
            Ok(_) => return Err(std::io::Error::other("the downstream hung up")),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Sends numbered events, a portion at a time, until it is told to stop. How many there were.
fn load(brokers: String, topic: String, stop: Arc<AtomicBool>) -> JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut sent = 0;
        while !stop.load(Ordering::SeqCst) {
            let event = |number: u64| Outgoing {
                partition: None,
                key: Some(format!("k{}", number % KEYS).into_bytes()),
                value: Some(number.to_string().into_bytes()),
                headers: vec![("onceward-id".to_owned(), Some(format!("e{number}").into_bytes()))],
            };
            let portion: Vec<_> = (sent..sent + PORTION).map(event).collect();
            kafka::produce(&brokers, &topic, &portion);
            sent += PORTION;
            // The load, not a wait for something.
            std::thread::sleep(PACE);
        }
        sent
    })
}

fn says(metrics: &Metrics, line: &str) -> bool {
    metrics.prometheus().lines().any(|found| found == line)
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn an_outage_under_load_gives_nothing_up_and_ends_by_itself() {
    let seconds = std::env::var("ONCEWARD_TEST_OUTAGE").ok().map_or(5, |text| text.parse::<u64>().unwrap());
    let brokers = kafka::brokers();
    let (topic, group) = (kafka::unique("outage"), kafka::unique("outage"));
    kafka::create(&brokers, &topic, 4, &[]);
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("downstream");
    let downstream = Downstream::start(&address);
    // What was done, by key, in the order in which it was done.
    let done: Arc<Mutex<HashMap<Vec<u8>, Vec<u64>>>> = Arc::default();
    let (called, count) = (Arc::clone(&done), Arc::new(AtomicU64::new(0)));
    let handled = Arc::clone(&count);
    let handler = move |event: Event| {
        let (done, count, address) = (Arc::clone(&called), Arc::clone(&count), address.clone());
        async move {
            ask(&address).await?;
            let number = std::str::from_utf8(event.value().unwrap())?.parse()?;
            done.lock().unwrap().entry(event.key().unwrap().to_vec()).or_default().push(number);
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Failure>(())
        }
    };
    let app = Consumer::builder()
        .brokers(brokers.clone())
        .group(group.clone())
        .inbox(format!("sqlite:{}", folder.path().join("inbox.db").display()))
        .auto_offset_reset(AutoOffsetReset::Earliest)
        .create_topics(true)
        .configure(|config| {
            if seconds < LONG {
                let hasty = Breaker { time: Some("1s".into()), probe: Some("100ms".into()), ..Breaker::default() };
                config.defaults.get_or_insert_default().breaker = Some(hasty);
            }
        })
        .build()
        .unwrap()
        .on(topic.clone(), handler);
    let metrics = app.metrics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (summary, sent) = runtime.block_on(async {
        let end = Arc::new(Notify::new());
        let over = Arc::clone(&end);
        let run = tokio::spawn(app.run(async move { over.notified().await }));
        let stop = Arc::new(AtomicBool::new(false));
        let sender = load(brokers.clone(), topic.clone(), Arc::clone(&stop));

        until("events are handled", || handled.load(Ordering::SeqCst) > 500).await;
        downstream.stop();
        let away = Instant::now();
        until("the breaker opens", || says(&metrics, "onceward_breaker_opened_total 1")).await;
        assert!(says(&metrics, "onceward_paused{reason=\"breaker\"} 1"));
        let before = handled.load(Ordering::SeqCst);
        // The outage itself.
        tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(away.elapsed())).await;
        assert_eq!(handled.load(Ordering::SeqCst), before, "nothing is done while it is away");
        assert!(says(&metrics, "onceward_paused{reason=\"breaker\"} 1"), "it stays open for as long as the outage lasts");
        let downstream = Downstream::start(&folder.path().join("downstream"));
        until("it closes by itself", || says(&metrics, "onceward_paused{reason=\"breaker\"} 0")).await;
        let back = handled.load(Ordering::SeqCst);
        until("events are handled again", || handled.load(Ordering::SeqCst) > back + 500).await;
        stop.store(true, Ordering::SeqCst);
        let sent = tokio::task::spawn_blocking(move || sender.join().unwrap()).await.unwrap();
        until("everything is handled", || handled.load(Ordering::SeqCst) >= sent).await;
        until("and marked", || metrics.summary().handled == sent).await;
        end.notify_one();
        let summary = run.await.unwrap().unwrap();
        downstream.stop();
        (summary, sent)
    });

    assert_eq!((summary.handled, summary.dead_letters, summary.duplicates), (sent, 0, 0));
    assert!(says(&metrics, "onceward_breaker_opened_total 1"), "one outage, one opening");
    assert!(kafka::read_all(&brokers, &format!("{topic}.{group}.dlt")).is_empty());
    for (key, numbers) in done.lock().unwrap().iter() {
        assert!(numbers.is_sorted_by(|one, next| one + KEYS == *next), "{}: {numbers:?}", String::from_utf8_lossy(key));
    }
    assert_eq!(done.lock().unwrap().values().map(Vec::len).sum::<usize>() as u64, sent, "each once");
    kafka::delete(&brokers, &topic);
}
