//! The first question to a cluster, and why it stays without an answer.
//!
//! A metadata request over a connection that can't be made only times out; what went wrong stands in the client's log lines. They are
//! read here, so that a wrong password is told at once and in words, and not as a timeout after a quarter of a minute.

use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::admin::AdminClient;
use rdkafka::client::{Client, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;

use super::diagnose::{BROKERS, TOKEN, diagnose};
use super::fault;
use super::sys::{self, ClientPtr, EventKind, Queue};
use super::token::{self, Endpoint};
use crate::Error;

/// How long is waited before it is looked why no answer comes.
const SLICE: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// librdkafka's code for the request itself.
    pub code: Option<RDKafkaErrorCode>,
    /// What went wrong, in librdkafka's words.
    pub cause: String,
    /// What to do.
    pub cure: String,
}

/// A client for questions, with its token if it needs one. [`metadata`] can tell why it gets no answer.
///
/// # Errors
/// [`Error::Broker`] when a property is unknown or has a wrong value, or when there is no token.
pub fn admin(properties: &[(String, String)]) -> Result<AdminClient<DefaultClientContext>, Error> {
    let (mut config, endpoint) = token::client_config(properties)?;
    // What goes wrong must reach its log, whatever the process logs: it is read below.
    config.set_log_level(RDKafkaLogLevel::Error);
    let client: AdminClient<DefaultClientContext> = config.create().map_err(|error| {
        let cure = "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all";
        fault::broker("creating the Kafka client", error.to_string(), cure)
    })?;
    if let Some(endpoint) = endpoint {
        sign_in(client.inner().native_ptr(), &endpoint)?;
    }
    Ok(client)
}

/// Gives a client that does not live long its one token.
pub(crate) fn sign_in(client: ClientPtr, endpoint: &Endpoint) -> Result<(), Error> {
    let token = endpoint.fetch().and_then(|token| sys::set_token(client, &token));
    token.map_err(|why| fault::broker("asking for a token", why, TOKEN))
}

/// What the cluster says of itself and of all topics that this user may see. For clients whose own queue nobody else polls, such as an
/// `AdminClient`.
///
/// All topics, since asking for one by name makes a broker with `auto.create.topics.enable` create it, with one partition.
///
/// # Errors
/// Why no broker answers, as soon as it is certain, or at the timeout.
pub fn metadata<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Result<Metadata, Unanswered> {
    let end = Instant::now() + timeout;
    let mut heard = None;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let error = match client.fetch_metadata(None, left.clamp(Duration::from_millis(1), SLICE)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        let code = error.rdkafka_error_code();
        listen(client, &mut heard);
        let diagnosis = heard.as_deref().and_then(diagnose);
        let certain = diagnosis.is_some_and(|diagnosis| diagnosis.hopeless);
        let last = end <= Instant::now();
        if certain || last || code.is_some_and(|code| fault::cure(code).is_some()) {
            let cure = diagnosis.map(|diagnosis| diagnosis.cure).or_else(|| code.and_then(fault::cure)).unwrap_or(BROKERS);
            return Err(Unanswered { code, cause: heard.unwrap_or_else(|| error.to_string()), cure: cure.to_owned() });
        }
    }
}

/// Remembers the most telling of the client's lines: one that has a diagnosis is not replaced by one that has none, and a certain one by
/// none at all.
fn listen<C: ClientContext>(client: &Client<C>, heard: &mut Option<String>) {
    let Some(queue) = Queue::main(client.native_ptr()) else { return };
    let rank = |text: &str| diagnose(text).map_or(0, |diagnosis| 1 + u8::from(diagnosis.hopeless));
    while let Some(event) = queue.poll(Duration::ZERO) {
        let text = match event.kind() {
            EventKind::Log => event.log().map(|(_, _, line)| line),
            EventKind::Error => Some(event.reason()),
            _ => None,
        };
        let Some(text) = text else { continue };
        let text = plain(&text);
        if heard.as_deref().is_none_or(|before| rank(text) >= rank(before)) {
            *heard = Some(text.to_owned());
        }
    }
}

/// The line without the names of threads before it.
fn plain(line: &str) -> &str {
    line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_threads_are_for_nobody() {
        assert_eq!(super::plain("[thrd:ssl://a:1/bootstrap]: ssl://a:1/bootstrap: refused"), "ssl://a:1/bootstrap: refused");
        assert_eq!(super::plain("refused"), "refused");
    }
}
