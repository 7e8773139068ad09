//! Looks for topics that a pattern matches, at the start and for as long as the consumer runs.
//!
//! A thread of its own, since brokers may be slow. A topic is subscribed when its companions fit. Until then it is left out and reported: it
//! must not keep the others from being consumed, nor a process from starting again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;

use super::Patterns;
use super::patterns::contest;
use super::topics::{check, prepare};
use crate::Error;
use crate::config::{ConfigError, Problem, Settings, path_of};
use crate::kafka::{NewTopic, Subscriber, TopicSettings, admin, fault, metadata};
use crate::telemetry::Metrics;

/// How long a broker may take to list its topics.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks, unless `kafka."topic.metadata.refresh.interval.ms"` says otherwise.
const EVERY: Duration = Duration::from_secs(30);
/// The same while a topic is left out: somebody may be mending it.
const SOON: Duration = Duration::from_secs(5);

/// What is known of the cluster's topics.
pub(super) struct Watcher {
    settings: Settings,
    patterns: Patterns,
    client: Vec<(String, String)>,
    /// Made anew after an error: its token may have expired.
    admin: Option<AdminClient<DefaultClientContext>>,
    /// All topics that were there at the start.
    old: HashSet<String>,
    subscribed: HashSet<String>,
    /// What is left out, and what was said of it.
    left_out: BTreeMap<String, String>,
    metrics: Arc<Metrics>,
}

impl Watcher {
    pub(super) fn new(settings: &Settings, patterns: Patterns, client: &[(String, String)], metrics: &Arc<Metrics>) -> Self {
        Self {
            settings: settings.clone(),
            patterns,
            client: client.to_vec(),
            admin: None,
            old: HashSet::new(),
            subscribed: HashSet::new(),
            left_out: BTreeMap::new(),
            metrics: Arc::clone(metrics),
        }
    }

    /// The topics to begin with. A run until the end sees no others, so for it each of them has to fit.
    pub(super) fn begin(&mut self, until_end: bool) -> Result<Vec<TopicSettings>, Error> {
        let topics = self.topics()?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let matched = self.patterns.sort(&self.settings, &names);
        let problems: Vec<Problem> = matched
            .contested
            .iter()
            .map(|(topic, by)| Problem { path: path_of(&by[0]), message: format!("topic {topic} {}", contest(by)) })
            .collect();
        if !problems.is_empty() {
            return Err(ConfigError { problems }.into());
        }
        for (pattern, _) in &self.patterns.patterns {
            if !matched.topics.iter().any(|topic| topic.pattern.as_ref() == Some(pattern.text())) {
                tracing::info!(target: "onceward", pattern = %pattern.text(), "no topic matches this pattern yet");
            }
        }
        if until_end {
            let names: Vec<String> = matched.topics.iter().map(|topic| topic.name.clone()).collect();
            if !names.is_empty() {
                check(&self.settings, &names, &self.client)?;
            }
            return Ok(matched.topics);
        }
        let ready = self.ready(matched.topics, BTreeMap::new());
        self.old = topics.into_iter().collect();
        Ok(ready.into_iter().map(|topic| topic.settings).collect())
    }

    /// Goes on looking, until nobody wants to know.
    pub(super) fn spawn(mut self, subscriber: Subscriber, over: Receiver<()>) -> Result<(), Error> {
        let look = move || {
            while over.recv_timeout(self.pause()) == Err(RecvTimeoutError::Timeout) {
                match self.look() {
                    Ok(found) if found.is_empty() => {}
                    Ok(found) => {
                        if subscriber.subscribe(found).is_none() {
                            return;
                        }
                    }
                    // An outage is told by those who consume.
                    Err(error) => tracing::debug!(target: "onceward", %error, "can't look for new topics; trying again"),
                }
            }
        };
        let thread = std::thread::Builder::new().name("onceward-topics".to_owned()).spawn(look);
        thread
            .map(drop)
            .map_err(|error| fault::broker("starting the thread that looks for topics", error.to_string(), "Raise the limit of threads"))
    }

    fn pause(&self) -> Duration {
        let told = self.settings.kafka.0.get("topic.metadata.refresh.interval.ms").and_then(|value| value.parse().ok());
        let pause = told.map_or(EVERY, |told: u64| Duration::from_millis(told.max(1_000)));
        if self.left_out.is_empty() { pause } else { pause.min(SOON) }
    }

    /// New topics that can be consumed.
    fn look(&mut self) -> Result<Vec<NewTopic>, Error> {
        let topics = self.topics()?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut matched = self.patterns.sort(&self.settings, &names);
        matched.topics.retain(|topic| !self.subscribed.contains(&topic.name));
        let contested = matched.contested.into_iter().filter(|(topic, _)| !self.subscribed.contains(topic));
        let left_out = contested.map(|(topic, by)| (topic, contest(&by))).collect();
        Ok(self.ready(matched.topics, left_out))
    }

    /// Those that fit; the others join what is left out.
    fn ready(&mut self, topics: Vec<TopicSettings>, mut left_out: BTreeMap<String, String>) -> Vec<NewTopic> {
        let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
        let mut ready = Vec::new();
        for (settings, (topic, answer)) in topics.into_iter().zip(prepare(&self.settings, &names, &self.client)) {
            match answer {
                Ok(partitions) => ready.push(NewTopic { fresh: !self.old.contains(&topic), settings, partitions }),
                Err(error) => {
                    left_out.insert(topic, error.to_string());
                }
            }
        }
        for (topic, why) in &left_out {
            if self.left_out.get(topic) != Some(why) {
                tracing::error!(target: "onceward", %topic, %why,
                    "a topic that a pattern matches is left out; it joins by itself when this is mended, the others go on");
            }
        }
        self.subscribed.extend(ready.iter().map(|topic| topic.settings.name.clone()));
        self.metrics.topics_left_out(left_out.len());
        self.left_out = left_out;
        ready
    }

    /// Every topic of the cluster that can be read from.
    fn topics(&mut self) -> Result<Vec<String>, Error> {
        let admin = match self.admin.take() {
            Some(admin) => admin,
            None => admin(&self.client)?,
        };
        let listed = metadata(admin.inner(), PATIENCE).map_err(|why| fault::broker("listing the topics", why.cause, why.cure))?;
        self.admin = Some(admin);
        let usable = listed.topics().iter().filter(|topic| topic.error().is_none() && !topic.partitions().is_empty());
        Ok(usable.map(|topic| topic.name().to_owned()).collect())
    }
}
