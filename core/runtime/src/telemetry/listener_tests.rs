#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::*;
use crate::telemetry::{Limits, Metrics};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn running() -> Arc<Health> {
    let health = Arc::new(Health::new(Arc::new(Metrics::default()), Limits { concurrency: 4, timeout: 60 }));
    health.running();
    health
}

fn listener(health: Arc<Health>) -> Listener {
    Listener::start(ANY, health, Box::new(|| {})).unwrap()
}

/// Everything that is answered until the connection is closed.
fn say(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that hangs up early lets neither the rest of a request through nor, perhaps, its own answer.
    stream.write_all(request).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8(answer).unwrap()
}

fn get(address: SocketAddr, path: &str) -> String {
    say(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

#[test]
fn each_path_answers_in_its_own_format_and_other_requests_are_refused() {
    let listener = listener(running());
    let live = get(listener.address, "/livez");
    assert!(live.starts_with("HTTP/1.1 200 OK\r\n") && live.contains("content-type: application/json\r\n"), "{live}");
    assert!(live.ends_with(r#"{"status":"ok","phase":"running","partitions":0,"reasons":[]}"#), "{live}");
    let ready = get(listener.address, "/readyz?verbose");
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains(r#""reasons":[{"code":"unassigned","text":""#), "{ready}");
    let metrics = get(listener.address, "/metrics");
    assert!(metrics.contains("application/openmetrics-text; version=1.0.0") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(get(listener.address, "/").starts_with("HTTP/1.1 404 "));
    assert!(say(listener.address, b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\n"), "no body");
    let posted = say(listener.address, b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    assert!(posted.starts_with("HTTP/1.1 405 ") && posted.contains("allow: GET, HEAD"), "{posted}");
}

#[test]
fn nonsense_and_endless_heads_are_answered_with_an_error_and_the_next_client_is_served() {
    let listener = listener(running());
    for nonsense in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"GET\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n"] {
        assert!(!say(listener.address, nonsense).starts_with("HTTP/1.1 2"));
    }
    let endless = format!("GET /livez HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    assert!(!say(listener.address, endless.as_bytes()).starts_with("HTTP/1.1 2"));
    assert!(get(listener.address, "/livez").starts_with("HTTP/1.1 200 "));
}

#[test]
fn clients_that_never_finish_are_cut_off_and_leave_their_places() {
    let listener = listener(running());
    let begun = Instant::now();
    let slow: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(listener.address).unwrap();
            stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream
        })
        .collect();
    // Connections are accepted in their order, so all places are taken by now, and this one is closed without an answer.
    assert_eq!(get(listener.address, "/livez"), "");
    for mut stream in slow {
        stream.read_to_end(&mut Vec::new()).ok();
    }
    assert!(begun.elapsed() < WHOLE, "cut off by the limit on heads");
    assert!(get(listener.address, "/livez").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_port_that_is_taken_is_told_with_the_cure() {
    let first = listener(running());
    let error = Listener::start(first.address, running(), Box::new(|| {})).err().unwrap();
    assert_eq!(error, format!("{} is in use by another program; choose another port, or stop that program", first.address));
    let address = first.address;
    drop(first);
    assert!(Listener::start(address, running(), Box::new(|| {})).is_ok(), "the port is free after the end");
}

#[test]
fn a_driver_that_stops_answering_is_found() {
    let health = running();
    let beating = Arc::clone(&health);
    let (asked, poll) = (Arc::new(AtomicU64::new(0)), Arc::clone(&health.poll));
    let counted = Arc::clone(&asked);
    let ask = Box::new(move || {
        poll.beat();
        // The driver answers a hundred times, then no more.
        if counted.fetch_add(1, Ordering::SeqCst) < 100 {
            beating.driver.beat();
        }
    });
    let listener = Listener::with_tick(ANY, Arc::clone(&health), ask, Duration::from_millis(2)).unwrap();
    let begun = Instant::now();
    let dead = loop {
        let answer = get(listener.address, "/livez");
        if answer.starts_with("HTTP/1.1 503 ") {
            break answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer}");
    };
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked > 100 && asked < 105, "a driver that does not answer is not asked on and on: {asked}");
    assert!(dead.contains(r#""code":"driver""#), "{dead}");
}
