//! Whom to tell of dead letters, as written.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DurationText;
use crate::config::secret::{shown, shown_url};

/// Whom to tell of dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// A URL that is told of dead letters by cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A URL that is told of dead letters by cause.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where a JSON document is POSTed to, `https://…` or `http://…`. `${env:NAME}` and `${file:PATH}` stand for what an environment
    /// variable or a file holds. Required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The key of the HMAC-SHA256 signature in the header `onceward-signature`: a reference, `${env:NAME}` or `${file:PATH}`. Not set: no
    /// signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// A new cause is told at once; a known one at most so often, with the number of letters since, 1s to 7d.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "10m"))]
    pub every: Option<DurationText>,
}

impl Alerts {
    /// With secrets replaced.
    #[must_use]
    pub fn masked(&self) -> Self {
        Self { webhook: self.webhook.as_ref().map(Webhook::masked) }
    }
}

impl Webhook {
    fn masked(&self) -> Self {
        let secret = self.secret.as_ref().map(|secret| shown("secret", secret).to_owned());
        Self { url: self.url.as_ref().map(|url| shown_url(url)), secret, every: self.every.clone() }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, secret, every } = self.masked();
        formatter.debug_struct("Webhook").field("url", &url).field("secret", &secret).field("every", &every).finish()
    }
}
