//! Running a consumer on the caller's tokio runtime.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::start::Plan;
use super::{Consumer, Registration};
use crate::Error;
use crate::config::{ConfigError, Problem, Settings, raw};
use crate::driver::{Fact, Summary};

impl Consumer {
    /// Runs until `shutdown` resolves, then drains, commits and closes.
    ///
    /// # Errors
    /// What keeps the consumer from starting or going on; each error says what to do.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<Summary, Error> {
        self.start(false, shutdown).await
    }

    /// Runs until every assigned partition is read to its end and everything is handled or dead-lettered, or `shutdown` resolves.
    ///
    /// # Errors
    /// As [`Consumer::run`], and [`Error::Halted`] when a partition halted, since the end can't be reached then.
    pub async fn run_until_end(self, shutdown: impl Future<Output = ()> + Send) -> Result<Summary, Error> {
        self.start(true, shutdown).await
    }

    /// What is to be run, validated.
    pub(crate) fn plan(self, until_end: bool) -> Result<(Plan, Vec<Registration>), Error> {
        let Self { mut config, handlers, metrics, progress, route } = self;
        let topics = subscribed(&mut config, &handlers)?;
        let settings = Settings::from_raw(&config)?;
        settings.check_subscribed(&topics)?;
        Ok((Plan { settings, topics, until_end, metrics, progress, route }, handlers))
    }

    async fn start(self, until_end: bool, shutdown: impl Future<Output = ()> + Send) -> Result<Summary, Error> {
        let (plan, handlers) = self.plan(until_end)?;
        let (sender, receiver) = crossbeam_channel::unbounded();
        let stop = StopOnDrop(sender.clone());
        let (ended, end) = oneshot::channel();
        let runtime = tokio::runtime::Handle::current();
        let thread = std::thread::Builder::new().name("onceward-driver".to_owned()).spawn(move || {
            let result = plan.run(&handlers, &runtime, (sender, receiver));
            // What handlers hold is free again when the caller hears of the end.
            drop(handlers);
            // The caller may have dropped the run; the loop has drained all the same.
            drop(ended.send(result));
        });
        if let Err(error) = thread {
            return Err(Error::Halted(format!("the driver's thread can't be started: {error}; raise the limit of threads")));
        }
        let result = match select(end, pin!(shutdown)).await {
            Either::Left((result, _)) => result,
            Either::Right(((), end)) => {
                stop.now();
                end.await
            }
        };
        result.unwrap_or_else(|_| {
            let why = "the loop ended without a result, which is a bug of Onceward: please report it with the log. Nothing is lost: what was not \
                       committed is handled after the next start";
            Err(Error::Halted(why.to_owned()))
        })
    }
}

/// Dropping the run drains it in the background instead of leaving it to run for ever.
struct StopOnDrop(crossbeam_channel::Sender<Fact>);

impl StopOnDrop {
    fn now(&self) {
        // A loop that has ended needs no stop.
        drop(self.0.send(Fact::Stop));
    }
}

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.now();
    }
}

/// The subscribed topics, with their handlers' options laid over the configuration.
fn subscribed(config: &mut raw::Config, handlers: &[Registration]) -> Result<Vec<String>, ConfigError> {
    let mut topics: Vec<String> = Vec::new();
    let mut problems = Vec::new();
    for handler in handlers {
        for topic in &handler.topics {
            if topics.contains(topic) {
                let message = "two handlers for one topic; register one, and branch inside it".to_owned();
                problems.push(Problem { path: format!("topics.{topic}"), message });
                continue;
            }
            topics.push(topic.clone());
            if let Some(backoff) = &handler.options.backoff {
                config.topics.entry(topic.clone()).or_default().retry = Some(backoff.0.clone());
            }
        }
    }
    if handlers.iter().any(|handler| handler.options.reads) && config.inbox.as_deref().is_some_and(|inbox| inbox.trim() == "memory") {
        let message = "a handler reads, and the memory inbox has no tables; write inbox = \"sqlite:PATH\"".to_owned();
        problems.push(Problem { path: "inbox".to_owned(), message });
    }
    if topics.is_empty() {
        problems.push(Problem {
            path: "topics".to_owned(),
            message: "no handler is registered; call on(topic, handler) before run".to_owned(),
        });
    }
    if problems.is_empty() { Ok(topics) } else { Err(ConfigError { problems }) }
}
