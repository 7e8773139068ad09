//! One signed request to a webhook.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use curl::easy::{Easy, List};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;

use super::gate::Alert;
use super::summary::News;
use crate::http;
use crate::letter::rfc3339;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The header with time and signature.
pub(super) const SIGNATURE: &str = "onceward-signature";

/// Where alerts go. No `Debug`: it holds a secret.
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) secret: Option<String>,
}

#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    /// Whether this cause is told for the first time.
    first: bool,
    /// How many of this cause since the last alert.
    count: u64,
    sent_at: String,
    #[serde(flatten)]
    news: &'a News,
}

impl Receiver {
    /// Sends one alert.
    ///
    /// # Errors
    /// Why it was not taken, without the address, which may be a secret.
    pub(super) fn send(&self, easy: &mut Easy, alert: &Alert) -> Result<(), String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let sent_at = rfc3339(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let body = Body { version: 1, kind: alert.news.kind(), first: alert.first, count: alert.count, sent_at, news: &alert.news };
        let body = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let answer = self.post(easy, &body, now.as_secs()).map_err(|error| error.description().to_owned())?;
        if (200..300).contains(&answer.status) { Ok(()) } else { Err(format!("HTTP status {}", answer.status)) }
    }

    fn post(&self, easy: &mut Easy, body: &[u8], seconds: u64) -> Result<http::Answer, curl::Error> {
        // Options go, the connection stays.
        easy.reset();
        easy.url(&self.url)?;
        easy.timeout(PATIENCE)?;
        easy.post(true)?;
        easy.post_fields_copy(body)?;
        let mut headers = List::new();
        headers.append("content-type: application/json")?;
        headers.append(concat!("user-agent: onceward/", env!("CARGO_PKG_VERSION")))?;
        // Waiting for a "100 Continue" would cost a second with servers that don't send one.
        headers.append("Expect:")?;
        if let Some(secret) = &self.secret {
            headers.append(&format!("{SIGNATURE}: t={seconds},v1={}", signature(secret, seconds, body)))?;
        }
        easy.http_headers(headers)?;
        http::trust(easy, None)?;
        http::perform(easy)
    }
}

/// HMAC-SHA256 over the time, a dot and the body, in hex: a receiver that checks the time as well can't be shown an old one.
fn signature(secret: &str, seconds: u64, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_what_other_tools_compute() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac hunter2
        let expected = "56b25cbf563812b38800e5f4dd1febfde087d36841155e70b3aa285517e1570a";
        assert_eq!(super::signature("hunter2", 1_700_000_000, br#"{"a":1}"#), expected);
    }
}
