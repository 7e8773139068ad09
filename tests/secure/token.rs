//! A token endpoint as OAUTHBEARER/OIDC has it: gives a token without a signature to whoever knows the secret.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

/// Base64 of `client:token-CANARY`.
const BASIC: &str = "Y2xpZW50OnRva2VuLUNBTkFSWQ==";

pub(crate) const CLIENT: &str = "client";
pub(crate) const SECRET: &str = "token-CANARY";

/// Serves until the process ends.
pub(crate) fn endpoint(subject: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&mut stream.unwrap(), subject);
        }
    });
    address
}

fn answer(stream: &mut TcpStream, subject: &str) {
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
    let (status, body) = if text.contains(BASIC) && text.contains("grant_type=client_credentials") {
        ("200 OK", format!(r#"{{"access_token":"{}","token_type":"Bearer","expires_in":3600}}"#, token(subject)))
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client","error_description":"unknown client"}"#.to_owned())
    };
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
}

fn whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:").map(|rest| rest.trim().to_owned()));
    length.is_none_or(|length| body.len() >= length.parse().unwrap())
}

/// An unsigned token: header, claims, and nothing behind the second dot.
fn token(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"{subject}","iat":{now},"exp":{}}}"#, now + 3600);
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
