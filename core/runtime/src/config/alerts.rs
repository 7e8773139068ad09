//! Where alerts are sent, as meant.

use std::time::Duration;

use super::check::Check;
use super::settings::WebhookSettings;
use super::{raw, secret};

/// The webhook, if one is written.
pub(super) fn webhook(check: &mut Check, written: Option<&raw::Alerts>) -> Option<WebhookSettings> {
    let written = written?.webhook.as_ref()?;
    let mut settings = WebhookSettings { url: String::new(), secret: None, every: Duration::from_secs(600) };
    if written.url.is_none() {
        check.refuse("alerts.webhook.url", "is missing: where alerts are sent, as \"https://alerts.example.com/onceward\"");
    }
    check.text("alerts.webhook", "url", written.url.as_deref(), url, &mut settings.url);
    check.text("alerts.webhook", "secret", written.secret.as_deref(), |text| key(text).map(Some), &mut settings.secret);
    let range = Duration::from_secs(1)..=Duration::from_secs(7 * 86_400);
    check.duration("alerts.webhook", "every", written.every.as_ref(), range, &mut settings.every);
    Some(settings)
}

/// The text is not repeated in messages: it may be a secret as a whole.
fn url(text: &str) -> Result<String, String> {
    secret::check(text)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        Some("") => Err("names no host; write https://HOST/PATH".to_owned()),
        Some(host) if host.contains('@') => {
            Err("holds credentials; receivers check the signature instead (alerts.webhook.secret)".to_owned())
        }
        Some(_) => Ok(text.to_owned()),
        None if text.starts_with("${") => Ok(text.to_owned()),
        None => Err("must begin with https:// or http://, or be a reference like ${env:NAME}".to_owned()),
    }
}

fn key(text: &str) -> Result<String, String> {
    secret::check(text)?;
    if secret::is_reference(text) {
        Ok(text.to_owned())
    } else {
        Err("must be a reference, ${env:NAME} or ${file:PATH}: configurations are shown and shared".to_owned())
    }
}
