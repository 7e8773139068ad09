//! How fast the SQLite inbox is, empty and with ten million ids.
//!
//! `cargo run --profile ci -p onceward --example inbox_speed -- [FOLDER]`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a measurement, not a service")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use onceward::inbox::{Identity, Inbox, InboxFact, LookUp, Mark, SqliteInbox, SqliteSettings, Statement, Value};
use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, MarkResult, PartitionId};

const GROUP: u64 = 8_192;
const MANY: u64 = 10_000_000;
const DELIVERY: DeliveryId = DeliveryId { slot: 0, generation: 0 };

fn id(seed: u64) -> Identity {
    Identity::Event(EventHash(xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())))
}

fn open(path: &Path) -> (SqliteInbox, Receiver<InboxFact>) {
    let (sender, facts) = unbounded();
    let mut settings = SqliteSettings::new(path, "speed");
    settings.setup_sql =
        vec!["CREATE TABLE IF NOT EXISTS balance(k INTEGER PRIMARY KEY, n INTEGER, total INTEGER) WITHOUT ROWID".to_owned()];
    (SqliteInbox::open(settings, Arc::new(move |fact| sender.send(fact).unwrap_or_default())).unwrap(), facts)
}

/// Marks a range of ids in groups, with up to eight groups under way; answers marks per second and the slowest group.
fn mark(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>, from: u64, count: u64, effect: bool) -> (f64, Duration) {
    let began = Instant::now();
    let (mut sent, mut done, mut slowest, mut last) = (0, 0, Duration::ZERO, Instant::now());
    while done < count {
        while sent < count && sent - done < 4 * GROUP {
            for seed in from + sent..from + (sent + GROUP).min(count) {
                let statements =
                    if effect {
                        vec![Statement {
                        sql: "INSERT INTO balance VALUES (?, 1, ?) ON CONFLICT(k) DO UPDATE SET n = n + 1, total = total + excluded.total"
                            .into(),
                        params: vec![Value::Integer((seed % 10_000) as i64), Value::Integer(5)], expect_rows: None }]
                    } else {
                        Vec::new()
                    };
                let identity = id(seed);
                inbox.mark(Mark {
                    delivery: DELIVERY,
                    partition: PartitionId(0),
                    epoch: Epoch(1),
                    identity,
                    digest: Digest(1),
                    lane: u128::from(seed),
                    statements,
                    publishes: None,
                });
            }
            sent = (sent + GROUP).min(count);
            inbox.flush();
        }
        match facts.recv().unwrap() {
            InboxFact::Marked(marks) => {
                assert!(marks.iter().all(|marked| marked.result == MarkResult::Durable));
                done += marks.len() as u64;
            }
            other => panic!("{other:?}"),
        }
        slowest = slowest.max(last.elapsed());
        last = Instant::now();
    }
    (count as f64 / began.elapsed().as_secs_f64(), slowest)
}

/// Looks up ids that were never marked; answers nanoseconds each (hashing not counted) and how many went to the store.
fn misses(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>) -> (f64, u64) {
    let ids: Vec<Identity> = (0..1_000_000).map(|seed| id((1 << 40) + seed)).collect();
    let began = Instant::now();
    let pending = ids.iter().filter(|&&identity| inbox.look_up(DELIVERY, identity, Digest(1)) == LookUp::Pending).count() as u64;
    let nanos = began.elapsed().as_nanos() as f64 / ids.len() as f64;
    inbox.flush();
    answers(facts, pending, None);
    (nanos, pending)
}

fn answers(facts: &Receiver<InboxFact>, mut pending: u64, expected: Option<Digest>) {
    while pending > 0 {
        match facts.recv().unwrap() {
            InboxFact::LookedUp(answers) => {
                assert!(answers.iter().all(|answer| answer.1 == expected));
                pending -= answers.len() as u64;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Looks up ids marked long ago, in groups of a thousand; answers microseconds each.
fn duplicates(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>, marked: u64) -> f64 {
    let began = Instant::now();
    let mut seed = 0;
    for _ in 0..20 {
        let mut pending = 0;
        for _ in 0..1_000 {
            seed = (seed + 7_368_787) % (marked - 100_000);
            pending += u64::from(inbox.look_up(DELIVERY, id(seed), Digest(1)) == LookUp::Pending);
        }
        inbox.flush();
        answers(facts, pending, Some(Digest(1)));
    }
    began.elapsed().as_micros() as f64 / 20_000.0
}

fn single(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>, from: u64) -> (f64, f64) {
    let mut times: Vec<f64> = (0..500)
        .map(|seed| {
            let began = Instant::now();
            mark(inbox, facts, from + seed, 1, false);
            began.elapsed().as_micros() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[250], times[495])
}

/// Hands in marks every millisecond at a steady rate; answers the times from hand-in to durable, as median, p99 and longest, in ms.
fn paced(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>, from: u64, rate: u64, seconds: u64) -> (f64, f64, f64) {
    let began = Instant::now();
    let (ticks, per_tick) = (seconds * 1_000, rate / 1_000);
    let (mut times, mut sent, mut done) = (Vec::new(), 0, 0);
    while done < ticks * per_tick {
        let due = u64::try_from(began.elapsed().as_millis()).unwrap().min(ticks);
        while sent < due {
            for seed in 0..per_tick {
                inbox.mark(Mark {
                    delivery: DeliveryId { slot: sent as u32, generation: 0 },
                    partition: PartitionId(0),
                    epoch: Epoch(1),
                    identity: id(from + sent * per_tick + seed),
                    digest: Digest(1),
                    lane: 0,
                    statements: Vec::new(),
                    publishes: None,
                });
            }
            inbox.flush();
            sent += 1;
        }
        if let Ok(InboxFact::Marked(marks)) = facts.recv_timeout(Duration::from_micros(200)) {
            done += marks.len() as u64;
            let now = began.elapsed().as_secs_f64() * 1e3;
            times.extend(marks.iter().map(|marked| now - f64::from(marked.delivery.slot)));
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    (at(0.5), at(0.99), at(1.0))
}

/// The processor time of a thread of ours by the start of its name, in nanoseconds; Linux only.
fn cpu(thread: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |path: &Path| -> Option<f64> {
        let named = std::fs::read_to_string(path.join("comm")).ok()?.trim() == thread;
        named.then(|| std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()).flatten()
    };
    tasks.filter_map(|task| of(&task.path())).sum()
}

/// Looks up and marks as the driver does, with a thousand events under way and a flush every hundred; answers processor time for an
/// event in nanoseconds, on this thread (of which making the id takes some) and on the inbox's own. All threads of an inbox share
/// their first fifteen letters.
fn row(inbox: &mut SqliteInbox, facts: &Receiver<InboxFact>, from: u64, count: u64) -> (f64, f64) {
    let me = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default().trim().to_owned();
    let began = (cpu(&me), cpu("onceward-inbox-"));
    let (mut free, mut sent, mut done): (Vec<u32>, _, _) = ((0..1_024).collect(), 0, 0);
    while done < count {
        for _ in 0..free.len().min(100).min((count - sent) as usize) {
            let (slot, identity) = (free.pop().unwrap(), id(from + sent));
            let delivery = DeliveryId { slot, generation: sent as u32 };
            // A false hit would wait for the reader; its mark may as well go on.
            let _answer = inbox.look_up(delivery, identity, Digest(1));
            inbox.mark(Mark {
                delivery,
                partition: PartitionId(0),
                epoch: Epoch(1),
                identity,
                digest: Digest(1),
                lane: 0,
                statements: Vec::new(),
                publishes: None,
            });
            sent += 1;
        }
        inbox.flush();
        let fact = if free.is_empty() || sent == count { facts.recv().ok() } else { facts.try_recv().ok() };
        if let Some(InboxFact::Marked(marks)) = fact {
            done += marks.len() as u64;
            free.extend(marks.iter().map(|marked| marked.delivery.slot));
        }
    }
    ((cpu(&me) - began.0) / count as f64, (cpu("onceward-inbox-") - began.1) / count as f64)
}

fn main() {
    // With a second word, only the first measurement.
    let brief = std::env::args().nth(2).is_some();
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let path = folder.join(format!("onceward-inbox-speed-{}.db", std::process::id()));
    let (mut inbox, facts) = open(&path);
    let (mine, its) = row(&mut inbox, &facts, 1 << 56, 3_000_000);
    println!("event by event, three million:   {its:>10.0} ns of the writer's processor time, {mine:.0} ns of the caller's");
    println!("stats: {:?}", inbox.stats());
    inbox.close(Duration::from_secs(60)).unwrap();
    drop(inbox);
    remove(&path);
    if brief {
        return;
    }
    let (mut inbox, facts) = open(&path);
    let (nanos, pending) = misses(&mut inbox, &facts);
    println!("look-up, miss, empty:            {nanos:>10.0} ns   ({pending} of 1,000,000 read the store)");
    let (rate, slowest) = mark(&mut inbox, &facts, 0, 1_000_000, false);
    println!("marks, first million:            {rate:>10.0} /s   (longest gap {slowest:?})");
    let (rate, slowest) = mark(&mut inbox, &facts, 1_000_000, MANY - 1_000_000, false);
    println!("marks, on to ten million:        {rate:>10.0} /s   (longest gap {slowest:?})");
    let (rate, slowest) = mark(&mut inbox, &facts, MANY, 1_000_000, false);
    println!("marks, at ten million:           {rate:>10.0} /s   (longest gap {slowest:?})");
    let (nanos, pending) = misses(&mut inbox, &facts);
    println!("look-up, miss, ten million:      {nanos:>10.0} ns   ({pending} of 1,000,000 read the store)");
    println!("duplicate, ten million:          {:>10.1} us   ({} segments)", duplicates(&mut inbox, &facts, MANY), inbox.stats().segments);
    let (median, tail) = single(&mut inbox, &facts, 1 << 50);
    println!("one mark, handed in to durable:  {median:>10.0} us   (p99 {tail:.0} us)");
    for rate in [10_000, 100_000, 300_000] {
        let (median, tail, longest) = paced(&mut inbox, &facts, (1 << 52) + (rate << 30), rate, 5);
        println!("paced at {rate:>7}/s:              {median:>10.2} ms   (p99 {tail:.2} ms, longest {longest:.2} ms)");
    }
    let (rate, slowest) = mark(&mut inbox, &facts, 1 << 30, 2_000_000, true);
    println!("marks with an upsert each:       {rate:>10.0} /s   (longest gap {slowest:?})");
    println!("stats: {:?}", inbox.stats());
    inbox.close(Duration::from_secs(60)).unwrap();
    drop(inbox);
    let began = Instant::now();
    let (mut inbox, facts) = open(&path);
    println!("open, thirteen million ids:      {:>10.0} ms   ({} segments)", began.elapsed().as_secs_f64() * 1e3, inbox.stats().segments);
    println!("duplicate, after open:           {:>10.1} us", duplicates(&mut inbox, &facts, MANY));
    let (nanos, pending) = misses(&mut inbox, &facts);
    println!("look-up, miss, after open:       {nanos:>10.0} ns   ({pending} of 1,000,000 read the store)");
    println!("file: {} MB", std::fs::metadata(&path).unwrap().len() >> 20);
    inbox.close(Duration::from_secs(60)).unwrap();
    remove(&path);
}

fn remove(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        std::fs::remove_file(format!("{}{end}", path.display())).unwrap_or_default();
    }
}
