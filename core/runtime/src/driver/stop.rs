//! Ending a run: drain, commit, close, each with a deadline.

use std::time::Duration;

use onceward_engine::{Input, Timestamp};

use super::{Driver, Summary};
use crate::Error;
use crate::kafka::SourceOrder;

/// How much longer than the drain the closing of stores and clients may take.
const CLOSE: Duration = Duration::from_secs(10);

/// Where a run stands.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    phase: Phase,
    /// Whether the run ends when everything is read.
    pub(crate) until_end: bool,
    /// Why the run ends early, if it does.
    pub(crate) error: Option<Error>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    /// Somebody asked, or everything is read: partitions have to be drained.
    Asked,
    Draining {
        until: Timestamp,
    },
    Closing {
        until: Timestamp,
    },
    Over,
}

impl Ending {
    pub(crate) fn new(until_end: bool) -> Self {
        Self { until_end, ..Self::default() }
    }

    pub(crate) fn over(&self) -> bool {
        self.phase == Phase::Over
    }

    pub(crate) fn begun(&self) -> bool {
        self.phase != Phase::Running
    }

    /// Somebody asked, or everything is read, and nothing was given back yet.
    pub(crate) fn due(&self) -> bool {
        self.phase == Phase::Asked
    }

    /// Drain, then end.
    pub(crate) fn ask(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Asked;
        }
    }

    /// Everything assigned is read and committed.
    pub(crate) fn finished(&mut self) {
        self.ask();
    }

    /// End with an error; the first one stays.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.error.is_none() {
            self.error = Some(error);
        }
        self.ask();
    }

    /// A partition halted. With `until_end` the run could never finish, so it ends; otherwise the other partitions go on.
    pub(crate) fn halted(&mut self, why: String) {
        if self.until_end {
            self.fail(Error::Halted(why));
        }
    }

    /// The consumer is closed.
    pub(crate) fn closed(&mut self) {
        self.phase = Phase::Over;
    }

    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Duration> {
        match self.phase {
            Phase::Running | Phase::Over => None,
            Phase::Asked => Some(Duration::ZERO),
            Phase::Draining { until } | Phase::Closing { until } => Some(Duration::from_millis(until.0.saturating_sub(now.0) + 1)),
        }
    }
}

impl Driver {
    /// Takes the next step of an ending, if it is time.
    pub(crate) fn go_on_ending(&mut self) {
        let now = self.clock.now();
        match self.ending.phase {
            Phase::Running | Phase::Over => {}
            Phase::Asked => self.begin_drain(now),
            Phase::Draining { until } => {
                if self.partitions.live().next().is_none() || now >= until {
                    self.begin_close(now);
                }
            }
            Phase::Closing { until } => {
                if now >= until {
                    tracing::warn!(target: "onceward", "the Kafka client did not close in time; it is left behind");
                    self.ending.closed();
                }
            }
        }
    }

    fn begin_drain(&mut self, now: Timestamp) {
        self.health.stopping();
        let drain = u64::try_from(self.drain.as_millis()).unwrap_or(u64::MAX);
        let deadline = now.after(drain);
        for (partition, epoch) in self.partitions.live().collect::<Vec<_>>() {
            self.partitions.stop_starting(partition, epoch);
            self.engine.handle(now, Input::Revoking { partition, epoch, deadline });
        }
        // A little longer than the engine's deadline, so that its last commits get an answer.
        self.ending.phase = Phase::Draining { until: deadline.after(2_000) };
        self.carry_out();
        self.go_on_ending();
    }

    fn begin_close(&mut self, now: Timestamp) {
        if let Err(error) = self.inbox.close(CLOSE) {
            tracing::error!(target: "onceward", %error, "the inbox did not close cleanly");
            self.ending.fail(error.into());
        }
        self.source.order(SourceOrder::Close { deadline: CLOSE });
        self.ending.phase = Phase::Closing { until: now.after(u64::try_from(CLOSE.as_millis()).unwrap_or(u64::MAX)).after(2_000) };
    }

    /// The result of the run.
    pub(crate) fn finish(mut self) -> Result<Summary, Error> {
        if let Some(journal) = &self.journal {
            journal.close();
        }
        // It is closed before the source, unless that ended by itself.
        if let Err(error) = self.inbox.close(CLOSE) {
            tracing::error!(target: "onceward", %error, "the inbox did not close cleanly");
        }
        if let Err(error) = self.producer.close(CLOSE) {
            tracing::warn!(target: "onceward", %error, "the producer did not close cleanly");
        }
        let mut summary = self.metrics.summary();
        summary.halted = self.snapshot().halted;
        match self.ending.error.take() {
            Some(error) => Err(error),
            None => Ok(summary),
        }
    }
}
