//! Are the companion topics there, and large enough? Asked before the start, when a topic has grown, and when a pattern finds one.

use std::time::Duration;

use crate::Error;
use crate::alerts::Retention;
use crate::config::Settings;
use crate::letter::rights;
use crate::letter::topics::{Needs, Role, apply, grow, plan};

/// How long a broker may take to answer before the start is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often it is looked whether somebody has mended them.
const AGAIN: Duration = Duration::from_secs(5);

/// Refuses to start without dead-letter topics, or creates them when the configuration says so. What the broker keeps of them is known then.
pub(super) fn check(settings: &Settings, topics: &[String], client: &[(String, String)]) -> Result<Retention, Error> {
    let needs = needs(settings, topics, client);
    let mut found = plan(&needs)?;
    if settings.create_topics {
        for name in apply(&needs, &found)? {
            tracing::info!(target: "onceward", topic = %name, "created");
        }
        found = plan(&needs)?;
    }
    found.check()?;
    rights::check(&needs)?;
    let letters = found.companions.iter().filter(|companion| companion.role == Role::DeadLetters);
    Ok(Retention::new(letters.filter_map(|companion| Some((companion.source.as_str().into(), companion.retention?)))))
}

/// Topics, each with what it lacks or how many partitions it has.
type Answers = Vec<(String, Result<i32, Error>)>;

/// What topics that a pattern found lack before they can be consumed; for those that lack nothing, how many partitions they have. Companions
/// are created if that is ours to do.
pub(super) fn prepare(settings: &Settings, topics: &[String], client: &[(String, String)]) -> Answers {
    match (prepare_together(settings, topics, client), topics) {
        (Ok(answers), _) => answers,
        (Err(error), [topic]) => vec![(topic.clone(), Err(error))],
        // One of them keeps the brokers from an answer about all: a right that is missing, a topic that has just gone.
        (Err(_), _) => topics.iter().flat_map(|topic| prepare(settings, std::slice::from_ref(topic), client)).collect(),
    }
}

fn prepare_together(settings: &Settings, topics: &[String], client: &[(String, String)]) -> Result<Answers, Error> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let needs = needs(settings, topics, client);
    let mut found = plan(&needs)?;
    if settings.create_topics {
        for name in apply(&needs, &found)? {
            tracing::info!(target: "onceward", topic = %name, "created");
        }
        found = plan(&needs)?;
    }
    let lacking = rights::missing(&needs)?;
    let answer = |topic: &String| {
        let of_topic = found.of(topic);
        let partitions = of_topic.companions.first().map_or(0, |companion| companion.partitions);
        let answer =
            of_topic.check().and_then(|()| rights::refuse(lacking.iter().filter(|missing| rights::concerns(missing, &needs, topic))));
        (topic.clone(), answer.map(|()| partitions))
    };
    Ok(topics.iter().map(answer).collect())
}

/// A source has more partitions than before: so must its companions have.
pub(super) fn widened(settings: &Settings, topic: &str, client: &[(String, String)], goes_on: impl Fn() -> bool) {
    let mut told = false;
    while goes_on() {
        let Err(error) = widen(settings, topic, client) else { return };
        if !told {
            tracing::error!(target: "onceward", %topic, %error,
                "the topic has grown, and its companions do not fit any more: its new partitions are paused until they do, the others go on");
        }
        told = true;
        std::thread::sleep(AGAIN);
    }
}

/// Grows the companions of a topic, if that is ours to do, and says whether they fit.
fn widen(settings: &Settings, topic: &str, client: &[(String, String)]) -> Result<(), Error> {
    let sources = [topic.to_owned()];
    let needs = needs(settings, &sources, client);
    let found = plan(&needs)?;
    if !settings.create_topics {
        return found.check();
    }
    for name in grow(&needs, &found)? {
        tracing::info!(target: "onceward", topic = %name, "grown");
    }
    plan(&needs)?.check()
}

fn needs<'a>(settings: &'a Settings, sources: &'a [String], client: &'a [(String, String)]) -> Needs<'a> {
    Needs {
        client,
        group: &settings.group,
        sources,
        template: &settings.dead_letter.topic,
        ledger: settings.dead_letter.replay.then_some(settings.dead_letter.ledger.as_str()),
        timeout: PATIENCE,
    }
}
