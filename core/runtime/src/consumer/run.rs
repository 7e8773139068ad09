//! Running a consumer on the caller's tokio runtime.

use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::start::Plan;
use super::{Consumer, Registration, Routes};
use crate::Error;
use crate::alerts::Retention;
use crate::driver::{Fact, Summary};
use crate::dry_run;

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
        let Self { config, handlers, metrics, progress, route, control, on_dead_letter } = self;
        let (routes, settings) = Routes::new(&config, &handlers)?;
        Ok((
            Plan {
                settings,
                routes,
                found: Vec::new(),
                until_end,
                metrics,
                progress,
                route,
                control,
                on_dead_letter,
                webhook: None,
                retention: Retention::default(),
            },
            handlers,
        ))
    }

    async fn start(self, until_end: bool, shutdown: impl Future<Output = ()> + Send) -> Result<Summary, Error> {
        if let Some(folder) = dry_run::asked() {
            return dry_run::answer(self, folder, shutdown).await;
        }
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
