//! The thread that sends alerts. Nobody waits for it: while the receiver is away, causes wait with their counts, and that is said once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use curl::easy::Easy;

use super::gate::Gate;
use super::post::Receiver;
use super::summary::News;
use crate::Error;
use crate::config::{ConfigError, Problem, WebhookSettings};
use crate::kafka::fault;

/// The first wait after a failure; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait after a failure.
const LONGEST: Duration = Duration::from_secs(300);

struct State {
    gate: Gate,
    over: bool,
    /// The thread has ended.
    ended: bool,
}

struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

/// How long the end of a consumer waits for what was not told yet.
const LAST: Duration = Duration::from_secs(2);

/// A webhook in use. Dropping it sends what waits, due or not; a receiver that hangs is left behind.
pub(crate) struct Webhook(Arc<Shared>);

impl Webhook {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`Error::Config`] when a reference leads nowhere.
    pub(crate) fn start(settings: &WebhookSettings) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut resolve = |field: &str, value: &str| {
            crate::config::resolve_secret(value).unwrap_or_else(|message| {
                problems.push(Problem::new(format!("alerts.webhook.{field}"), message));
                String::new()
            })
        };
        let url = resolve("url", &settings.url);
        let secret = settings.secret.as_ref().map(|secret| resolve("secret", secret));
        if !problems.is_empty() {
            return Err(ConfigError::new(problems).into());
        }
        let state = State { gate: Gate::new(settings.every), over: false, ended: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), bell: Condvar::new() });
        let thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("onceward-alerts".to_owned())
            .spawn(move || {
                thread.run(&Receiver { url, secret });
                thread.lock().ended = true;
                thread.bell.notify_all();
            })
            .map_err(|error| fault::broker("starting the thread for alerts", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self(shared))
    }

    /// News. Never waits for the receiver.
    pub(super) fn tell(&self, news: News) {
        self.0.lock().gate.add(Instant::now(), news);
        self.0.bell.notify_all();
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.over = true;
        self.0.bell.notify_all();
        let until = Instant::now() + LAST;
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, receiver: &Receiver) {
        let mut easy = Easy::new();
        let mut failures = 0_u32;
        loop {
            let alert = {
                let mut state = self.lock();
                loop {
                    let now = Instant::now();
                    let due = if state.over { state.gate.take_any(now) } else { state.gate.take(now) };
                    match due {
                        Some(alert) => break alert,
                        None if state.over => return,
                        None => {}
                    }
                    let wait = state.gate.next(now).unwrap_or(LONGEST);
                    state = self.bell.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
                }
            };
            match receiver.send(&mut easy, &alert) {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(target: "onceward", "the webhook for alerts answers again");
                    }
                    failures = 0;
                }
                Err(why) => {
                    if failures == 0 {
                        tracing::error!(target: "onceward", %why,
                            "the webhook does not take an alert; it is tried again, letters are counted meanwhile, and consumption goes on");
                    }
                    failures = failures.saturating_add(1);
                    let mut state = self.lock();
                    state.gate.put_back(Instant::now(), alert);
                    if self.rest(state, failures) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits after a failure; `true`: the consumer is over.
    fn rest(&self, mut state: MutexGuard<'_, State>, failures: u32) -> bool {
        let wait = FIRST.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST);
        let until = Instant::now() + wait;
        loop {
            if state.over {
                let causes = state.gate.waiting();
                tracing::warn!(target: "onceward", causes, "alerts that the webhook did not take are given up; the letters are in their topics");
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.bell.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
