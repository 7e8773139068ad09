//! The rights that a consumer needs on its topics, asked for before it starts: otherwise the first dead letter would be the one to find out.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use super::topics::Needs;
use super::{dead_letter_topic, ledger_topic};
use crate::Error;
use crate::kafka::sys::{self, Operation};
use crate::kafka::{admin, fault};

/// A broker that does not answer this question must not make the start late.
const PATIENCE: Duration = Duration::from_secs(5);

/// A right that this user lacks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// On which topic.
    pub topic: String,
    /// What it can't do.
    pub what: &'static str,
    /// What to grant.
    pub cure: String,
}

/// Refuses a user who may not read a source or may not write to a dead-letter topic.
///
/// # Errors
/// [`Error::Broker`] with everything that is missing.
pub(crate) fn check(needs: &Needs<'_>) -> Result<(), Error> {
    refuse(missing(needs)?.iter())
}

/// Whether a missing right concerns this source or its dead-letter topic.
pub(crate) fn concerns(missing: &Missing, needs: &Needs<'_>, source: &str) -> bool {
    missing.topic == source || missing.topic == dead_letter_topic(needs.template, source, needs.group)
}

/// Refuses what is missing.
///
/// # Errors
/// [`Error::Broker`] if anything is.
pub(crate) fn refuse<'a>(missing: impl Iterator<Item = &'a Missing>) -> Result<(), Error> {
    let missing: Vec<&Missing> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = |text: fn(&Missing) -> String, between: &str| missing.iter().map(|missing| text(missing)).collect::<Vec<_>>().join(between);
    let causes = list(|missing| format!("this user may not {} {}", missing.what, missing.topic), "; ");
    Err(fault::broker("checking rights", causes, list(|missing| missing.cure.clone(), ". ")))
}

/// Whether the connection has a user to whom rights could be granted. Without one the questions about rights only cost time.
pub(super) fn has_user(client: &[(String, String)]) -> bool {
    client.iter().any(|(name, value)| name == "security.protocol" && !value.eq_ignore_ascii_case("plaintext"))
}

/// What this user lacks on the sources and their companions. Brokers that do not tell, and connections without a user, lack nothing:
/// then the first refusal tells.
///
/// # Errors
/// [`Error::Broker`] when the client can't be made or gets no token.
pub fn missing(needs: &Needs<'_>) -> Result<Vec<Missing>, Error> {
    if !has_user(needs.client) {
        return Ok(Vec::new());
    }
    let client = admin(needs.client)?;
    let wanted = wanted(needs);
    let topics: Vec<String> = wanted.keys().cloned().collect();
    let mut lacking = Vec::new();
    for described in sys::describe_topics(client.inner().native_ptr(), &topics, needs.timeout.min(PATIENCE), true) {
        let hidden = described.error == Some(RDKafkaErrorCode::TopicAuthorizationFailed);
        for &operation in wanted.get(&described.name).copied().unwrap_or_default() {
            if hidden || described.may.as_ref().is_some_and(|may| !may.contains(&operation)) {
                let reads = operation == Operation::Read;
                let cure = if reads { fault::may_read(&described.name) } else { fault::may_write(&described.name) };
                lacking.push(Missing { topic: described.name.clone(), what: if reads { "read" } else { "write to" }, cure });
            }
        }
    }
    Ok(lacking)
}

/// What a consumer does with each topic. Letters are read when they are replayed; what is not replayed is only written.
fn wanted(needs: &Needs<'_>) -> BTreeMap<String, &'static [Operation]> {
    const BOTH: &[Operation] = &[Operation::Write, Operation::Read];
    let mut wanted = BTreeMap::new();
    for source in needs.sources {
        let letters = dead_letter_topic(needs.template, source, needs.group);
        wanted.insert(letters, if needs.ledger.is_some() { BOTH } else { &[Operation::Write][..] });
        if let Some(template) = needs.ledger {
            wanted.insert(ledger_topic(template, source, needs.group), BOTH);
        }
        wanted.insert(source.clone(), &[Operation::Read][..]);
    }
    wanted
}
