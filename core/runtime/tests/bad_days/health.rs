//! What a supervisor is told while a consumer starts, works, waits, stands by and stops.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{Error, Event, Failure};
use tokio::sync::{Notify, oneshot};

use crate::world::{LONG, World, until};

/// A port that was free a moment ago.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Status and body; `None` while nobody listens.
fn get(address: &str, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn status(address: &str, path: &str) -> u16 {
    get(address, path).map_or(0, |(status, _)| status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn answers_come_while_handlers_block_every_worker_and_end_with_the_run() {
    let world = World::new("health", 1);
    world.send(0..1, 1);
    let address = free();
    let (release, blocked) = mpsc::channel::<()>();
    let (asked_all, all_asked) = oneshot::channel::<()>();
    let handler = {
        let blocked = Arc::new(Mutex::new(blocked));
        move |_: Event| {
            let blocked = Arc::clone(&blocked);
            async move {
                // The only worker sleeps, as badly written handlers have it.
                blocked.lock().unwrap().recv().ok();
                Ok::<_, Failure>(())
            }
        }
    };
    let app = world.sqlite().health(&address).build().unwrap().on("health", handler);
    let asked = address.clone();
    // Not on tokio, whose only worker is blocked.
    let watcher = std::thread::spawn(move || {
        let end = std::time::Instant::now() + LONG;
        while !get(&asked, "/metrics").is_some_and(|(_, text)| text.contains("onceward_running_handlers 1\n")) {
            assert!(std::time::Instant::now() < end, "the handler never ran");
        }
        let answers: Vec<(u16, String)> = ["/livez", "/readyz", "/startupz"].iter().map(|path| get(&asked, path).unwrap()).collect();
        release.send(()).unwrap();
        asked_all.send(()).unwrap();
        answers
    });
    app.run(async move { all_asked.await.unwrap() }).await.unwrap();
    for (status, body) in watcher.join().unwrap() {
        assert_eq!((status, body.as_str()), (200, r#"{"status":"ok","phase":"running","partitions":1,"reasons":[]}"#));
    }
    assert_eq!(get(&address, "/livez"), None, "nobody listens after the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_are_away_make_unready_and_not_dead() {
    let world = World::new("health-away", 1);
    let address = free();
    let app = world.sqlite().health(&address).build().unwrap().on("health-away", |_: Event| async { Ok::<_, Failure>(()) });
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let run = tokio::spawn(app.run(async move { stopped.notified().await }));
    until("started", || status(&address, "/startupz") == 200).await;
    assert_eq!(status(&address, "/readyz"), 200);
    world.broker.cluster.broker_down(-1).unwrap();
    // The claim of the ledger may be missed before the brokers are, so "unready" alone does not say for which reason.
    until("brokers missed", || get(&address, "/metrics").unwrap().1.contains("onceward_paused{reason=\"brokers\"} 1\n")).await;
    let told = ["/readyz", "/livez", "/startupz"].map(|path| get(&address, path).unwrap());
    world.broker.cluster.broker_up(-1).unwrap();
    until("ready again", || status(&address, "/readyz") == 200).await;
    assert!(get(&address, "/metrics").unwrap().1.contains("onceward_paused{reason=\"brokers\"} 0\n"));
    stop.notify_one();
    run.await.unwrap().unwrap();
    assert!(told[0].1.contains(r#""code":"brokers""#), "{told:?}");
    assert_eq!(told.map(|(status, _)| status), [503, 200, 200]);
}

/// A handler that blocks one of two workers past its timeout: told, and no reason to end a process that goes on with everything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_handler_is_told_and_the_process_lives() {
    let world = World::new("health-stuck", 1);
    world.send(0..2, 2);
    let address = free();
    let (release, blocked) = mpsc::channel::<()>();
    let blocked = Arc::new(Mutex::new(blocked));
    let handler = move |event: Event| {
        let blocked = Arc::clone(&blocked);
        async move {
            if crate::world::number(&event) == 0 {
                blocked.lock().unwrap().recv().ok();
            }
            Ok::<_, Failure>(())
        }
    };
    let app = world
        .sqlite()
        .health(&address)
        .configure(|config| config.defaults.get_or_insert_default().handler_timeout = Some("100ms".into()))
        .build()
        .unwrap()
        .on("health-stuck", handler);
    let stop = Arc::new(Notify::new());
    let stopped = Arc::clone(&stop);
    let run = tokio::spawn(app.run(async move { stopped.notified().await }));
    let asked = address.clone();
    // Not on tokio: one of its workers is blocked.
    let told = tokio::task::spawn_blocking(move || {
        let end = std::time::Instant::now() + LONG;
        loop {
            let (status, body) = get(&asked, "/livez").unwrap_or_default();
            if body.contains(r#""code":"stuck""#) {
                return (status, body, get(&asked, "/metrics").unwrap().1);
            }
            assert!(std::time::Instant::now() < end, "{body}");
        }
    })
    .await
    .unwrap();
    release.send(()).unwrap();
    stop.notify_one();
    run.await.unwrap().unwrap();
    assert_eq!(told.0, 200, "{}", told.1);
    assert!(told.1.contains(r#""status":"ok""#) && told.1.contains("1 handlers are past their handler_timeout"), "{}", told.1);
    assert!(told.2.contains("onceward_stuck_handlers 1\n"), "{}", told.2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_without_a_partition_stands_by_and_is_ready() {
    let world = World::new("health-standby", 1);
    let addresses = [free(), free()];
    let stop = Arc::new(Notify::new());
    let members: Vec<_> = addresses
        .iter()
        .enumerate()
        .map(|(number, address)| {
            let inbox = format!("sqlite:{}", world.folder.path().join(format!("{number}.db")).display());
            let app = world.builder(&inbox).health(address).build().unwrap();
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                app.on("health-standby", |_: Event| async { Ok::<_, Failure>(()) }).run(async move { stop.notified().await }).await
            })
        })
        .collect();
    until("both started and ready", || {
        addresses.iter().all(|address| status(address, "/startupz") == 200 && status(address, "/readyz") == 200)
    })
    .await;
    let partitions: Vec<bool> = addresses.iter().map(|address| get(address, "/readyz").unwrap().1.contains(r#""partitions":1"#)).collect();
    stop.notify_waiters();
    for member in members {
        member.await.unwrap().unwrap();
    }
    assert_eq!(partitions.iter().filter(|has| **has).count(), 1, "one has the partition, the other one stands by");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_ends_the_start_with_its_name() {
    let world = World::new("health-port", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let app = world.sqlite().health(address.to_string()).build().unwrap().on("health-port", |_: Event| async { Ok::<_, Failure>(()) });
    let error = tokio::time::timeout(Duration::from_secs(30), app.run(std::future::pending())).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error}");
    assert!(
        error.to_string().contains(&format!("telemetry.listen: {address} is in use by another program; choose another port")),
        "{error}"
    );
}
