//! The check before the start: are the companion topics there, and large enough?

use std::time::Duration;

use crate::Error;
use crate::config::Settings;
use crate::letter::rights;
use crate::letter::topics::{Needs, apply, grow, plan};

/// How long a broker may take to answer before the start is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Refuses to start without dead-letter topics, or creates them when the configuration says so.
pub(super) fn check(settings: &Settings, topics: &[String], client: &[(String, String)]) -> Result<(), Error> {
    let needs = needs(settings, topics, client);
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

/// A source has more partitions than before: so must its companions have.
pub(super) fn widened(settings: &Settings, topic: String, client: &[(String, String)]) {
    let sources = [topic];
    let needs = needs(settings, &sources, client);
    let fit = plan(&needs).and_then(|found| {
        if settings.create_topics {
            for name in grow(&needs, &found)? {
                tracing::info!(target: "onceward", topic = %name, "grown");
            }
            return plan(&needs)?.check();
        }
        found.check()
    });
    if let Err(error) = fit {
        let [topic] = &sources;
        tracing::error!(target: "onceward", %topic, %error,
            "the topic has grown, and its companions do not fit any more: dead letters of its new partitions wait, and their keys with them");
    }
}

fn needs<'a>(settings: &'a Settings, sources: &'a [String], client: &'a [(String, String)]) -> Needs<'a> {
    Needs {
        client,
        group: &settings.group,
        sources,
        template: &settings.dead_letter.topic,
        ledger: settings.create_topics.then_some(settings.dead_letter.ledger.as_str()),
        timeout: PATIENCE,
    }
}
