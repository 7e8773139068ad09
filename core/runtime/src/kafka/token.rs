//! Tokens for OAUTHBEARER from an OpenID Connect endpoint, by the client-credentials grant.
//!
//! librdkafka can do this itself, but only when its build finds libcurl, which the configure build inside of `rdkafka-sys` does not. So the
//! properties have librdkafka's names and are carried out here, over the same libcurl and OpenSSL.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use curl::easy::Easy;
use rdkafka::ClientConfig;
use serde::Deserialize;

use crate::Error;
use crate::config::{ConfigError, Problem};
use crate::http;

/// How long an endpoint may take.
const PATIENCE: Duration = Duration::from_secs(10);

const METHOD: &str = "sasl.oauthbearer.method";
const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.id";
const SECRET: &str = "sasl.oauthbearer.client.secret";
const SCOPE: &str = "sasl.oauthbearer.scope";
const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
const CA: &str = "https.ca.location";

/// Where tokens come from. No `Debug`: it holds a secret.
pub(crate) struct Endpoint {
    url: String,
    id: String,
    secret: String,
    scope: Option<String>,
    extensions: Vec<String>,
    ca: Option<String>,
}

/// What a broker is shown. No `Debug`: whoever has it is let in.
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) principal: String,
    /// Milliseconds since 1970.
    pub(crate) expires: i64,
    /// Names and values by turns.
    pub(crate) extensions: Vec<String>,
}

/// A client's configuration, and where its tokens come from if not from librdkafka.
///
/// # Errors
/// What is missing for `oidc`.
pub(crate) fn client_config(properties: &[(String, String)]) -> Result<(ClientConfig, Option<Endpoint>), Error> {
    let oidc = properties.iter().any(|(name, value)| name == METHOD && value.eq_ignore_ascii_case("oidc"));
    let mut config = ClientConfig::new();
    for (name, value) in properties.iter().filter(|(name, _)| !oidc || ![METHOD, URL, ID, SECRET, SCOPE, EXTENSIONS, CA].contains(&&**name))
    {
        config.set(name, value);
    }
    let endpoint = if oidc { Some(Endpoint::read(properties)?) } else { None };
    Ok((config, endpoint))
}

impl Endpoint {
    fn read(properties: &[(String, String)]) -> Result<Self, ConfigError> {
        let find =
            |name: &str| properties.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let mut need = |name: &str| {
            find(name).unwrap_or_else(|| {
                problems.push(Problem::new(format!("kafka.{name:?}"), format!("is missing: {METHOD} = \"oidc\" needs it")));
                String::new()
            })
        };
        let (url, id, secret) = (need(URL), need(ID), need(SECRET));
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            problems.push(Problem::new(format!("kafka.{URL:?}"), "must begin with https://"));
        }
        let extensions = find(EXTENSIONS).unwrap_or_default();
        let extensions: Vec<String> = extensions
            .split(',')
            .filter(|pair| !pair.trim().is_empty())
            .flat_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                [name.trim().to_owned(), value.trim().to_owned()]
            })
            .collect();
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        Ok(Self { url, id, secret, scope: find(SCOPE), extensions, ca: find(CA).filter(|ca| ca != "probe") })
    }

    /// Asks for a token. Blocks for up to ten seconds.
    ///
    /// # Errors
    /// Why there is none, without the secret.
    pub(crate) fn fetch(&self) -> Result<Token, String> {
        let http::Answer { status, body, .. } = self.ask().map_err(|error| format!("{}: {error}", self.url))?;
        let answer: Answer = serde_json::from_slice(&body).unwrap_or_default();
        let Some(value) = answer.access_token.filter(|_| status == 200) else {
            let why: Vec<String> = [answer.error, answer.error_description].into_iter().flatten().collect();
            let why: String = why.join(": ").chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(format!("{}: HTTP status {status}{}{why}", self.url, if why.is_empty() { ", and no access_token" } else { ", " }));
        };
        let claims = claims(&value).unwrap_or_default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let lasting = answer.expires_in.map(|seconds| now.as_secs_f64() + seconds);
        let expires = claims.exp.or(lasting).ok_or_else(|| format!("{}: the token does not say when it expires", self.url))?;
        // Beyond any real time the cast saturates.
        let expires = (expires * 1_000.0) as i64;
        let principal = claims.sub.unwrap_or_else(|| self.id.clone());
        Ok(Token { value, principal, expires, extensions: self.extensions.clone() })
    }

    fn ask(&self) -> Result<http::Answer, curl::Error> {
        let mut easy = Easy::new();
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            form = format!("{form}&scope={}", easy.url_encode(scope.as_bytes()));
        }
        easy.url(&self.url)?;
        easy.timeout(PATIENCE)?;
        easy.post(true)?;
        easy.username(&self.id)?;
        easy.password(&self.secret)?;
        easy.post_fields_copy(form.as_bytes())?;
        http::trust(&mut easy, self.ca.as_deref())?;
        http::perform(&mut easy)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    access_token: Option<String>,
    expires_in: Option<f64>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What we read of a token. Brokers verify it, we do not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
}

/// The claims of a JSON Web Token; an opaque token has none.
fn claims(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&base64url(payload)?).ok()
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held) = (0_u32, 0);
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn claims_are_read_and_opaque_tokens_have_none() {
        // {"sub":"erin?>","exp":1700000000}
        let claims = claims("e30.eyJzdWIiOiJlcmluPz4iLCJleHAiOjE3MDAwMDAwMDB9.").unwrap();
        assert_eq!((claims.sub.as_deref(), claims.exp), (Some("erin?>"), Some(1_700_000_000.0)));
        for opaque in ["", "abc", "a.b", "a.ä.c", "....", "a.!!.c"] {
            assert!(super::claims(opaque).is_none(), "{opaque}");
        }
    }

    #[test]
    fn what_is_missing_is_named_and_other_methods_are_left_to_the_client() {
        let properties =
            |list: &[(&str, &str)]| list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
        let error = client_config(&properties(&[(METHOD, "OIDC"), (ID, "me"), (URL, "ldap://x")])).err().unwrap().to_string();
        assert!(
            error.contains("kafka.\"sasl.oauthbearer.client.secret\": is missing") && error.contains("must begin with https://"),
            "{error}"
        );
        let (config, endpoint) = client_config(&properties(&[(METHOD, "default"), ("client.id", "a")])).unwrap();
        assert!(endpoint.is_none() && config.get(METHOD) == Some("default") && config.get("client.id") == Some("a"));
    }
}
