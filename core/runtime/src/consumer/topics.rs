//! The check before the start: are the companion topics there, and large enough?

use std::time::Duration;

use crate::Error;
use crate::config::Settings;
use crate::letter::rights;
use crate::letter::topics::{Needs, apply, plan};

/// How long a broker may take to answer before the start is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Refuses to start without dead-letter topics, or creates them when the configuration says so.
pub(super) fn check(settings: &Settings, topics: &[String], client: &[(String, String)]) -> Result<(), Error> {
    let needs = Needs {
        client,
        group: &settings.group,
        sources: topics,
        template: &settings.dead_letter.topic,
        ledger: settings.create_topics.then_some(settings.dead_letter.ledger.as_str()),
        timeout: PATIENCE,
    };
    let found = plan(&needs)?;
    if !settings.create_topics {
        found.check()?;
        return rights::check(&needs);
    }
    for name in apply(&needs, &found)? {
        tracing::info!(target: "onceward", topic = %name, "created");
    }
    plan(&needs)?.check()?;
    rights::check(&needs)
}
