//! A token endpoint as OAUTHBEARER/OIDC has it: gives a token without a signature to whoever knows the secret.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Base64 of `client:token-CANARY`.
const BASIC: &str = "Y2xpZW50OnRva2VuLUNBTkFSWQ==";

pub(crate) const CLIENT: &str = "client";
pub(crate) const SECRET: &str = "token-CANARY";

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3_600);

/// Serves until the process ends.
pub(crate) fn endpoint(subject: &'static str) -> SocketAddr {
    lasting(subject, HOUR).address
}

/// A token endpoint, seen from a test.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    /// When tokens were given.
    pub(crate) given: Arc<Mutex<Vec<Instant>>>,
    /// While it is set callers are hung up on.
    pub(crate) away: Arc<AtomicBool>,
}

impl Endpoint {
    pub(crate) fn url(&self) -> String {
        format!("http://{}/token", self.address)
    }
}

/// The same, with tokens that live for so long.
pub(crate) fn lasting(subject: &'static str, life: Duration) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint { address: listener.local_addr().unwrap(), given: Arc::default(), away: Arc::default() };
    let (given, away) = (Arc::clone(&endpoint.given), Arc::clone(&endpoint.away));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if !away.load(Ordering::SeqCst) && answer(&mut stream.unwrap(), subject, life) {
                given.lock().unwrap().push(Instant::now());
            }
        }
    });
    endpoint
}

/// Whether a token was given.
fn answer(stream: &mut TcpStream, subject: &str, life: Duration) -> bool {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    let text = loop {
        let read = stream.read(&mut buffer).unwrap();
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if read == 0 || whole(&text) {
            break text;
        }
    };
    let known = text.contains(BASIC) && text.contains("grant_type=client_credentials");
    let (status, body) = if known {
        let token = token(subject, life);
        ("200 OK", format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{}}}"#, life.as_secs()))
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client","error_description":"unknown client"}"#.to_owned())
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    known
}

fn whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|rest| rest.trim().to_owned()));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

/// An unsigned token: header, claims, and nothing behind the second dot.
fn token(subject: &str, life: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + life.as_secs());
    format!("{}.{}.", base64url(br#"{"alg":"none"}"#), base64url(claims.as_bytes()))
}

fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}
