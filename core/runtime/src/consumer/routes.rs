//! Which handler is for what: checked before anything starts.

use std::collections::HashMap;

use onceward_engine::{Batching, Policy, PolicyId};

use super::Registration;
use super::patterns::Patterns;
use crate::config::{ConfigError, InboxPlace, Pattern, Problem, Settings, path_of, raw};
use crate::handler::HandlerOptions;
use crate::kafka::{Routing, TopicSettings};

/// One handler of one topic. Its number is its policy's.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) topic: String,
    /// The types that it is for; empty: all that no other handler of the topic is for.
    pub(crate) types: Vec<String>,
    pub(crate) policy: Policy,
    /// Which registration made it.
    pub(crate) handler: usize,
}

impl Route {
    /// For people: the topic, and the types if there are any.
    pub(crate) fn label(&self) -> String {
        if self.types.is_empty() { self.topic.clone() } else { format!("{} (type {})", self.topic, self.types.join(", ")) }
    }
}

/// All routes, and the subscribed topics in the order of their first handler.
#[derive(Clone, Debug)]
pub(crate) struct Routes {
    pub(crate) routes: Vec<Route>,
    pub(crate) topics: Vec<String>,
}

impl Routes {
    /// Lays the handlers' options over the configuration.
    pub(super) fn new(config: &raw::Config, handlers: &[Registration]) -> Result<(Self, Settings), ConfigError> {
        let settings = Settings::from_raw(config)?;
        let mut routes = Self { routes: Vec::new(), topics: Vec::new() };
        let mut problems = Vec::new();
        for (handler, registration) in handlers.iter().enumerate() {
            for topic in &registration.topics {
                let wrong = Some(topic).filter(|topic| Pattern::is_one(topic)).and_then(|topic| Pattern::new(topic).err());
                if let Some(message) = wrong.or_else(|| routes.clash(topic, &registration.options)) {
                    problems.push(Problem { path: path_of(topic), message });
                    continue;
                }
                match policy(config, &settings, topic, registration) {
                    Ok(policy) => {
                        let types = registration.options.types.clone();
                        routes.routes.push(Route { topic: topic.clone(), types, policy, handler });
                        if !routes.topics.contains(topic) {
                            routes.topics.push(topic.clone());
                        }
                    }
                    Err(error) => problems.extend(error.problems),
                }
            }
        }
        let reads = handlers.iter().any(|handler| handler.options.reads);
        if reads && config.inbox.as_deref().is_some_and(|inbox| inbox.trim() == "memory") {
            let message = "a handler reads, and the memory inbox has no tables; write inbox = \"sqlite:PATH\"".to_owned();
            problems.push(Problem { path: "inbox".to_owned(), message });
        }
        if handlers.is_empty() {
            let message = "no handler is registered; call on(topic, handler) before run".to_owned();
            problems.push(Problem { path: "topics".to_owned(), message });
        }
        if routes.routes.len() > usize::from(u16::MAX) {
            let message = format!("{} handlers are more than {}", routes.routes.len(), u16::MAX);
            problems.push(Problem { path: "topics".to_owned(), message });
        }
        if !problems.is_empty() {
            return Err(ConfigError { problems });
        }
        settings.check_subscribed(&routes.topics)?;
        routes.one_by_one_where_somebody_reads(handlers);
        Ok((routes, settings))
    }

    /// Why a handler can't be added: another one is for the same events.
    fn clash(&self, topic: &str, options: &HandlerOptions) -> Option<String> {
        let mut others = self.routes.iter().filter(|route| route.topic == topic);
        if options.types.is_empty() {
            let found = others.any(|route| route.types.is_empty());
            return found.then(|| {
                "two handlers for one topic; give them event types with HandlerOptions::event_type, or register one and branch inside it"
                    .to_owned()
            });
        }
        let taken = others.flat_map(|route| &route.types).find(|kind| options.types.contains(kind))?;
        Some(format!("two handlers for events of the type {taken:?}; register one, and branch inside it"))
    }

    /// What a handler reads must be committed, so nothing of its topic may share a transaction with what came before.
    fn one_by_one_where_somebody_reads(&mut self, handlers: &[Registration]) {
        let reading: Vec<&String> = handlers.iter().filter(|handler| handler.options.reads).flat_map(|handler| &handler.topics).collect();
        for route in self.routes.iter_mut().filter(|route| reading.contains(&&route.topic)) {
            tracing::debug!(target: "onceward", topic = %route.topic, "a handler reads: events are handed over one by one");
            route.policy.run_length = 1;
        }
    }

    /// The engine's policies, by route.
    pub(crate) fn policies(&self) -> Vec<Policy> {
        self.routes.iter().map(|route| route.policy.clone()).collect()
    }

    /// How many events handlers may have in hands at once.
    pub(crate) fn in_hands(&self, concurrency: u32) -> u32 {
        let batches = self.routes.iter().filter_map(|route| route.policy.batch);
        batches.fold(concurrency, |sum, batch| sum.saturating_add(batch.most.saturating_mul(batch.parallel)))
    }

    /// The policies of a topic.
    pub(crate) fn of_topic<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = PolicyId> + 'a {
        self.numbered().filter(move |(_, route)| route.topic == topic).map(|(policy, _)| policy)
    }

    fn numbered(&self) -> impl Iterator<Item = (PolicyId, &Route)> {
        (0..=u16::MAX).map(PolicyId).zip(&self.routes)
    }

    /// The topics that are named.
    pub(crate) fn named(&self) -> Vec<String> {
        self.topics.iter().filter(|topic| !Pattern::is_one(topic)).cloned().collect()
    }

    /// The patterns, with what their topics will have.
    pub(crate) fn patterns(&self, settings: &Settings) -> Patterns {
        let topics = self.topic_settings(settings).into_iter().filter(|topic| topic.pattern.is_some());
        let patterns = topics.filter_map(|topic| Some((Pattern::new(&topic.name).ok()?, topic))).collect();
        Patterns { named: self.named(), patterns }
    }

    /// What the poll thread needs to know about the subscribed topics, and about the topics of each pattern.
    pub(crate) fn topic_settings(&self, settings: &Settings) -> Vec<TopicSettings> {
        let mut topics = settings.topic_settings(&self.topics);
        for topic in &mut topics {
            let mut of_topic = self.numbered().filter(|(_, route)| route.topic == topic.name).peekable();
            let Some(&(first, _)) = of_topic.peek() else { continue };
            topic.policy = first;
            let (mut by_type, mut others) = (HashMap::new(), None);
            for (policy, route) in of_topic {
                if route.types.is_empty() {
                    others = Some(policy);
                }
                by_type.extend(route.types.iter().map(|kind| (kind.clone(), policy)));
            }
            let unrouted = settings.rules(&topic.name).unrouted;
            topic.routing = (!by_type.is_empty()).then_some(Routing { by_type, others, unrouted });
        }
        topics
    }
}

/// The topic's policy with this handler's options, validated as if they stood in the file.
fn policy(config: &raw::Config, settings: &Settings, topic: &str, registration: &Registration) -> Result<Policy, ConfigError> {
    let HandlerOptions { backoff, max_rate, .. } = &registration.options;
    // Nobody waits for the broker's word in the middle of a run, and behind an event that was not published nothing may be handled.
    let one_by_one = registration.foreign && matches!(settings.inbox, InboxPlace::Memory | InboxPlace::Postgres(_));
    let mut policy = if backoff.is_none() && max_rate.is_none() {
        settings.policy(topic)
    } else {
        let mut config = config.clone();
        let table = config.topics.entry(topic.to_owned()).or_default();
        if let Some(backoff) = backoff {
            table.retry = Some(backoff.0.clone());
        }
        if let Some(rate) = max_rate {
            table.max_rate = Some(*rate);
        }
        Settings::from_raw(&config)?.policy(topic)
    };
    if one_by_one {
        policy.run_length = 1;
    }
    if registration.batch {
        let Batching { most, parallel } = Batching::default();
        let most = registration.options.batch_size.unwrap_or(most).clamp(1, 10_000);
        policy.batch = Some(Batching { most, parallel: registration.options.batches_at_once.unwrap_or(parallel).clamp(1, 64) });
    }
    Ok(policy)
}
