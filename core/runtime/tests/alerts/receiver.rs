//! A webhook's receiver: answers as it is told to, and keeps what it took.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;

#[derive(Default)]
struct State {
    /// Requests that are still to be refused.
    refuse: u32,
    taken: Vec<Taken>,
}

/// A request that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    pub head: String,
    pub text: String,
    pub body: Value,
}

pub struct Receiver {
    pub url: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Receiver {
    /// Refuses so many requests first.
    pub fn start(refuse: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/token", listener.local_addr().unwrap());
        let state = Arc::new((Mutex::new(State { refuse, ..State::default() }), Condvar::new()));
        let into = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let into = Arc::clone(&into);
                std::thread::spawn(move || serve(&stream.unwrap(), &into));
            }
        });
        Self { url, state }
    }

    /// What was taken, as soon as it fits.
    pub fn wait(&self, what: &str, fits: impl Fn(&[Taken]) -> bool) -> Vec<Taken> {
        let (lock, bell) = &*self.state;
        let guard = lock.lock().unwrap();
        let (guard, timeout) = bell.wait_timeout_while(guard, Duration::from_secs(60), |state| !fits(&state.taken)).unwrap();
        assert!(!timeout.timed_out(), "{what}: {:#?}", guard.taken);
        guard.taken.clone()
    }
}

fn serve(stream: &TcpStream, into: &(Mutex<State>, Condvar)) {
    let mut reader = BufReader::new(stream);
    loop {
        let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let Some(length) = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned)) else {
            return;
        };
        let mut body = vec![0; length.parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let mut state = into.0.lock().unwrap();
        let status = if state.refuse > 0 { "503 Service Unavailable" } else { "204 No Content" };
        if state.refuse > 0 {
            state.refuse -= 1;
        } else {
            let text = String::from_utf8(body).unwrap();
            state.taken.push(Taken { head: head.join("\n"), body: serde_json::from_str(&text).unwrap(), text });
            into.1.notify_all();
        }
        drop(state);
        (&*stream).write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
    }
}

impl Taken {
    /// Whether the signature is that of this key, over the time in the header.
    pub fn is_signed_with(&self, key: &str) -> bool {
        let line = self.head.lines().find_map(|line| line.strip_prefix("onceward-signature: ")).unwrap();
        let (time, signature) = line.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{time}.{}", self.text).as_bytes());
        let bytes: Vec<u8> = (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
        mac.verify_slice(&bytes).is_ok()
    }
}
