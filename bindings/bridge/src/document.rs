//! What crosses at the start: one document.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use onceward::config::{Loader, raw};
use onceward::foreign::Runs;
use onceward::{Backoff, Consumer, EventBatch, HandlerOptions};
use serde::Deserialize;

use crate::letters::Telling;
use crate::{Fault, Queue};

/// Settings and handlers. The settings' names and their paths in messages are those of `onceward.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// A TOML file to start from; with `ONCEWARD_*` variables over it.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Settings, laid over the file.
    #[serde(default)]
    pub config: serde_json::Value,
    /// The handlers; their order is their number.
    #[serde(default)]
    pub handlers: Vec<Handler>,
    /// The channel of the function that is told of dead letters, if there is one.
    #[serde(default)]
    pub on_dead_letter: Option<usize>,
    /// Channels that there are at least.
    #[serde(default)]
    pub channels: usize,
}

/// What is declared of a handler.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// Which topics it is for.
    pub topics: Vec<String>,
    /// Where its work waits: one queue per channel, numbered from 0.
    #[serde(default)]
    pub channel: usize,
    /// Whether one call takes several events.
    #[serde(default)]
    pub batch: bool,
    /// Only events of these types; empty: of all types that no other handler is for.
    #[serde(default)]
    pub types: Vec<String>,
    /// The retry policy; what is left out comes from the topic's.
    #[serde(default)]
    pub retry: Option<raw::Retry>,
    /// Type names of errors that are given up at once.
    #[serde(default)]
    pub fatal: Vec<String>,
    /// How long a call may take: it is the `handler_timeout` of its topics, also for their other handlers.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Events per second.
    #[serde(default)]
    pub max_rate: Option<f64>,
    /// Events of one call of a batch handler.
    #[serde(default)]
    pub batch_size: Option<u32>,
    /// Calls of a batch handler at once.
    #[serde(default)]
    pub batches_at_once: Option<u32>,
    /// Whether it reads the tables in the inbox's file.
    #[serde(default)]
    pub reads: bool,
}

impl Document {
    /// # Errors
    /// [`onceward::ErrorCode::Config`]: it is no such document.
    pub(crate) fn read(text: &str) -> Result<Self, Fault> {
        serde_json::from_str(text).map_err(|error| Fault::config("configuration", format!("is not what the bridge reads: {error}")))
    }

    /// The consumer with all its handlers, their queues by channel, and what is known of letters that are told.
    pub(crate) fn build(self) -> Result<(Consumer, Vec<Arc<Queue>>, Telling), Fault> {
        let mut consumer = Consumer::from_config(self.settings()?)?;
        let named = self.handlers.iter().map(|handler| handler.channel).chain(self.on_dead_letter).max().unwrap_or(0).saturating_add(1);
        let channels = named.max(self.channels).min(64);
        let queues: Vec<Arc<Queue>> = (0..channels).map(|_| Arc::default()).collect();
        for (number, handler) in self.handlers.into_iter().enumerate() {
            let queue = queues.get(handler.channel).ok_or_else(|| Fault::config("handlers", "a channel is beyond 63"))?;
            let options = handler.options();
            consumer = if handler.batch {
                handler.topics.iter().fold(consumer, |consumer, topic| {
                    let queue = Arc::clone(queue);
                    consumer.on_batch_with(topic, options.clone(), move |batch: EventBatch| Arc::clone(&queue).call(number, batch))
                })
            } else {
                let queue = Arc::clone(queue);
                consumer.on_foreign(handler.topics, options, move |runs: Runs| queue.push_runs(number, runs))
            };
        }
        let mut telling = Telling::default();
        if let Some(channel) = self.on_dead_letter {
            let queue = queues.get(channel).ok_or_else(|| Fault::config("on_dead_letter", "the channel is beyond 63"))?;
            (telling, consumer) = Telling::through(Arc::clone(queue), consumer);
        }
        Ok((consumer, queues, telling))
    }

    /// A timeout is a topic's: two handlers of one topic can't have two, and none of them would know which one it has.
    fn timeouts(&self) -> Result<BTreeMap<&str, &str>, Fault> {
        let mut found: BTreeMap<&str, &str> = BTreeMap::new();
        for handler in &self.handlers {
            let Some(timeout) = handler.timeout.as_deref() else { continue };
            for topic in &handler.topics {
                match found.insert(topic, timeout) {
                    Some(other) if other.trim() != timeout.trim() => {
                        let why = format!(
                            "handlers of this topic ask for a timeout of {other} and of {timeout}, and a topic has one for all its handlers; \
                             give them the same, or put their types into topics of their own"
                        );
                        return Err(Fault::config(&format!("topics.{topic}.handler_timeout"), why));
                    }
                    _ => {}
                }
            }
        }
        Ok(found)
    }

    fn settings(&self) -> Result<raw::Config, Fault> {
        let mut loader = Loader::new();
        if let Some(file) = &self.file {
            loader = loader.file(file);
        }
        if !self.config.is_null() {
            loader = loader.json(&self.config.to_string());
        }
        if self.file.is_some() {
            loader = loader.process_env();
        }
        for (topic, timeout) in self.timeouts()? {
            loader = loader.set(&["topics", topic, "handler_timeout"], timeout.into(), "timeout of the handler");
        }
        let (config, _) = loader.resolve().map_err(onceward::Error::from)?;
        Ok(config)
    }
}

impl Handler {
    fn options(&self) -> HandlerOptions {
        let mut options = HandlerOptions::new();
        for name in &self.types {
            options = options.event_type(name);
        }
        for name in &self.fatal {
            options = options.fatal_name(name);
        }
        if let Some(retry) = &self.retry {
            options = options.retry(Backoff::from(retry.clone()));
        }
        if let Some(rate) = self.max_rate {
            options = options.max_rate(rate);
        }
        if let Some(size) = self.batch_size {
            options = options.batch_size(size);
        }
        if let Some(calls) = self.batches_at_once {
            options = options.batches_at_once(calls);
        }
        if self.reads { options.reads() } else { options }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn handlers(timeouts: &[&str]) -> Document {
        let handler =
            |timeout: &&str| Handler { topics: vec!["orders".to_owned()], timeout: Some((*timeout).to_owned()), ..Handler::default() };
        Document { handlers: timeouts.iter().map(handler).collect(), ..Document::default() }
    }

    #[test]
    fn two_timeouts_for_one_topic_are_refused_with_both_of_them() {
        let fault = handlers(&["5s", "10s"]).timeouts().expect_err("one of the two handlers would have the other's timeout");
        let (path, why) = fault.problems.first().unwrap();
        assert_eq!(path, "topics.orders.handler_timeout");
        assert!(why.contains("5s") && why.contains("10s"), "{why}");
        assert_eq!(handlers(&["5s", "5s"]).timeouts().unwrap(), BTreeMap::from([("orders", "5s")]));
    }
}
