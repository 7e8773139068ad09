//! What the log, the metrics and the ending of a run learn of a breaker.

use std::time::Duration;

use onceward_engine::{Alert, PolicyId};

use super::Driver;
use crate::Error;
use crate::config::format_duration;

impl Driver {
    /// Tells of a breaker that opened, closed, or stayed open for too long.
    pub(crate) fn breaker_alert(&mut self, alert: Alert) {
        match alert {
            Alert::BreakerOpened { policy, events, keys, millis } => {
                let last = self.last_failure.take();
                let (error_type, error) = last.map_or((String::new(), String::new()), |report| {
                    (report.kind.clone(), crate::event::one_line(&report.message).to_string())
                });
                tracing::error!(target: "onceward", topic = %self.topic_of(policy), events, keys, %error_type, %error,
                    "outage: nearly every event has failed for {}; only probes run until they succeed, nothing is given up meanwhile. \
                     If nothing is away and the events are bad, set breaker.enabled = false and start again: they become dead letters",
                    shown(millis));
                self.metrics.breaker_opened();
                self.breaker(1);
            }
            Alert::BreakerClosed { policy, millis } => {
                tracing::info!(target: "onceward", topic = %self.topic_of(policy), "the outage is over after {}: probes succeed", shown(millis));
                self.breaker(-1);
            }
            Alert::BreakerStaysOpen { policy, millis } => {
                let topic = self.topic_of(policy);
                self.ending.fail(Error::Halted(format!(
                    "topic {topic}: nearly every event has failed for {}, so the run can't reach the end. Nothing was given up because of \
                     it. Look at what the handler calls, then start again; to wait longer, set breaker.limit. If the \
                     events are bad, set breaker.enabled = false: they become dead letters",
                    shown(millis)
                )));
            }
            _ => {}
        }
    }

    fn breaker(&mut self, change: i32) {
        self.breakers_open = self.breakers_open.saturating_add_signed(change);
        self.metrics.paused_by_breaker(self.breakers_open > 0);
    }

    /// What a policy is for, for people.
    pub(crate) fn topic_of(&self, policy: PolicyId) -> String {
        self.routes.routes.get(usize::from(policy.0)).map_or_else(String::new, crate::consumer::Route::label)
    }
}

/// Whole seconds, from one second on: nobody reads the rest.
fn shown(millis: u64) -> String {
    let rest = if millis < 1_000 { 0 } else { millis % 1_000 };
    format_duration(Duration::from_millis(millis.saturating_sub(rest)))
}
