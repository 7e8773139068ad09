//! Pausing and resuming topics while the consumer runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::Sender;

use crate::Error;
use crate::config::{ConfigError, Problem, path_of};
use crate::driver::Fact;

/// Pauses and resumes topics of a consumer. Cheap to clone; may be used before the consumer runs, and from any thread.
///
/// A paused topic keeps its partitions and its place in the group: handlers that run go on to their end, and no other one starts. What
/// is fetched waits in memory, within the credit; retries wait, and their time budgets stand still. A pause ends with the process.
///
/// ```no_run
/// # async fn example(app: onceward::Consumer) -> Result<(), onceward::Error> {
/// let control = app.control();
/// control.pause("orders")?;
/// // later, for example when a maintenance window is over:
/// control.resume("orders")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Control(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    known: BTreeSet<String>,
    paused: BTreeSet<String>,
    facts: Option<Sender<Fact>>,
}

impl Control {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    pub(super) fn know(&self, topics: &[String]) {
        self.state().known.extend(topics.iter().cloned());
    }

    /// The consumer runs: what was paused before is paused now. Ends with the guard.
    pub(super) fn connect(&self, facts: &Sender<Fact>) -> Connected {
        let mut state = self.state();
        for topic in &state.paused {
            say(facts, topic, true);
        }
        state.facts = Some(facts.clone());
        Connected(self.clone())
    }

    /// Starts no handler of this topic any more. Pausing twice changes nothing.
    ///
    /// # Errors
    /// [`Error::Config`] when no handler subscribes to the topic.
    pub fn pause(&self, topic: &str) -> Result<(), Error> {
        self.set(topic, true)
    }

    /// Starts handlers of this topic again.
    ///
    /// # Errors
    /// [`Error::Config`] when no handler subscribes to the topic.
    pub fn resume(&self, topic: &str) -> Result<(), Error> {
        self.set(topic, false)
    }

    /// The topics that are paused, in alphabetical order.
    #[must_use]
    pub fn paused(&self) -> Vec<String> {
        self.state().paused.iter().cloned().collect()
    }

    fn set(&self, topic: &str, paused: bool) -> Result<(), Error> {
        let mut state = self.state();
        if !state.known.contains(topic) {
            let known: Vec<&str> = state.known.iter().map(String::as_str).collect();
            let message = format!("no handler subscribes to this topic, so it can't be paused; there are: {}", known.join(", "));
            return Err(ConfigError::new(vec![Problem { path: path_of(topic), message }]).into());
        }
        let changed = if paused { state.paused.insert(topic.to_owned()) } else { state.paused.remove(topic) };
        if let Some(facts) = state.facts.as_ref().filter(|_| changed) {
            say(facts, topic, paused);
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(facts: &Sender<Fact>, topic: &str, paused: bool) {
    // A loop that has ended pauses nothing.
    drop(facts.send(Fact::Suspend { topic: topic.to_owned(), suspended: paused }));
}

/// The way to the loop, as long as it runs.
pub(crate) struct Connected(Control);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.state().facts = None;
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Control").field("paused", &self.paused()).finish()
    }
}
