//! The thread that asks the registry, and notices when it is back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use onceward_schema::framing::SchemaId;

use super::topic::TopicSchema;
use crate::Error;
use crate::kafka::fault;
use crate::registry::Registry;
use crate::testing::Presence;

/// The first wait before the registry is asked again; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST: Duration = Duration::from_secs(15);

/// Told when a topic has to wait for the registry, with the reason, and when it need not wait any longer.
pub(crate) type SchemaSink = Box<dyn Fn(&str, Option<String>) + Send>;

/// Where schemas are asked for. Nobody waits for it: what is asked comes with what is to be done afterwards.
#[derive(Clone)]
pub(super) struct Desk(Place);

#[derive(Clone)]
enum Place {
    Thread(Sender<Job>),
    /// In a test's rig, whose only thread is the caller's: its clock must not run ahead of an answer.
    Here(Arc<Mutex<Clerk>>),
}

struct Job {
    topic: Arc<TopicSchema>,
    ids: Vec<SchemaId>,
    then: Box<dyn FnOnce() + Send>,
}

/// A topic that waits.
struct Outage {
    topic: Arc<TopicSchema>,
    /// What it waits for.
    id: SchemaId,
    wait: Duration,
    due: Instant,
}

impl Desk {
    /// Starts the thread. It ends with the last desk.
    ///
    /// # Errors
    /// There is no thread left.
    pub(super) fn start(registry: Registry, sink: SchemaSink) -> Result<Self, Error> {
        let clerk = Clerk { registry, sink, outages: HashMap::new() };
        if Presence::on_stage() {
            return Ok(Self(Place::Here(Arc::new(Mutex::new(clerk)))));
        }
        let (sender, jobs) = crossbeam_channel::unbounded();
        std::thread::Builder::new()
            .name("onceward-schemas".to_owned())
            .spawn(move || clerk.run(&jobs))
            .map_err(|error| fault::broker("starting the thread for schemas", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self(Place::Thread(sender)))
    }

    /// Asks for schemas of a topic, then does what is to be done, whatever the answer.
    pub(super) fn ask(&self, topic: Arc<TopicSchema>, ids: Vec<SchemaId>, then: Box<dyn FnOnce() + Send>) {
        let job = Job { topic, ids, then };
        match &self.0 {
            Place::Thread(sender) => {
                if let Err(lost) = sender.send(job) {
                    // The thread has ended, so the loop has: somebody still answers for the events.
                    (lost.into_inner().then)();
                }
            }
            Place::Here(clerk) => clerk.lock().unwrap_or_else(PoisonError::into_inner).work(job),
        }
    }
}

struct Clerk {
    registry: Registry,
    sink: SchemaSink,
    outages: HashMap<String, Outage>,
}

impl Clerk {
    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let due = self.outages.values().map(|outage| outage.due).min();
            let job = match due {
                Some(due) => jobs.recv_deadline(due),
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match job {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) => self.probe(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn work(&mut self, job: Job) {
        let Job { topic, ids, then } = job;
        // A topic that waits asks for one schema only: each question may take the whole timeout.
        if !self.outages.contains_key(&topic.called) {
            for id in ids {
                let Err(error) = topic.learn(&self.registry, &id) else { continue };
                // Before anything comes back undone: it would be handed over again at once.
                (self.sink)(&topic.called, Some(error.text));
                let outage = Outage { topic: Arc::clone(&topic), id, wait: FIRST, due: Instant::now() + FIRST };
                self.outages.insert(topic.called.clone(), outage);
                break;
            }
        }
        then();
    }

    fn probe(&mut self) {
        let Self { registry, sink, outages } = self;
        outages.retain(|called, outage| {
            if outage.due > Instant::now() {
                return true;
            }
            if outage.topic.learn(registry, &outage.id).is_ok() {
                sink(called, None);
                return false;
            }
            outage.wait = outage.wait.saturating_mul(2).min(LONGEST);
            outage.due = Instant::now() + outage.wait;
            true
        });
    }
}
