//! Where a registry is, and who asks.

use std::fmt;
use std::time::Duration;

/// How to reach a registry. `Debug` masks what is secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    pub(super) url: String,
    pub(super) credentials: Credentials,
    pub(super) ca: Option<String>,
    pub(super) timeout: Duration,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    None,
    Basic { username: String, password: String },
    Bearer(String),
}

impl Access {
    /// A registry at this URL, with a path if it has one: `https://registry.example.com/apis/ccompat/v7`.
    ///
    /// # Errors
    /// What is wrong with the URL; credentials in it are not repeated.
    pub fn new(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
        match host {
            None => Err("must begin with https:// or http://".to_owned()),
            Some("") => Err("names no host; write https://HOST".to_owned()),
            Some(host) if host.contains('@') => Err("holds credentials; give username and password, or token, beside it".to_owned()),
            Some(_) if url.contains(['?', '#']) || url.chars().any(|one| one.is_whitespace() || one.is_control()) => {
                Err("must be a host and a path, without `?`, `#` and blanks".to_owned())
            }
            Some(_) => {
                let url = url.trim_end_matches('/').to_owned();
                Ok(Self { url, credentials: Credentials::None, ca: None, timeout: Duration::from_secs(5) })
            }
        }
    }

    /// With a name and a password (HTTP Basic).
    #[must_use]
    pub fn basic(mut self, username: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Credentials::Basic { username: username.into(), password: password.into() };
        self
    }

    /// With a token (HTTP Bearer).
    #[must_use]
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.credentials = Credentials::Bearer(token.into());
        self
    }

    /// Whose certificates count: a file or a folder. Without it, those that the system trusts.
    #[must_use]
    pub fn ca(mut self, place: impl Into<String>) -> Self {
        self.ca = Some(place.into());
        self
    }

    /// How long one request may take. Default 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match &self.credentials {
            Credentials::None => "nobody",
            Credentials::Basic { username, .. } => username,
            Credentials::Bearer(_) => "a token",
        };
        formatter.debug_struct("Access").field("url", &self.url).field("as", &who).field("ca", &self.ca).finish_non_exhaustive()
    }
}
