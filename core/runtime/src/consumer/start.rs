//! From a configuration and handlers to a running loop.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use onceward_engine::Engine;
use tokio::sync::watch;

use super::Registration;
use super::surroundings::{Cluster, Surroundings};
use crate::Error;
use crate::config::{ConfigError, InboxPlace, Problem, Settings};
use crate::driver::{Driver, Ending, Fact, InFlight, Letters, Partitions, Payloads, Progress, Summary};
use crate::event::Chunk;
use crate::executor::{Done, Executor, Runner};
use crate::handler::{Fatal, Handler};
use crate::inbox::{Inbox, InboxSink, MemoryInbox, SqliteInbox, SqliteSettings};
use crate::kafka::{self, SourceFact};
use crate::letter::ProducerFact;
use crate::outbox::{Outlet, Relay, outlet};
use crate::publisher::{Publisher, Route, Waiting};
use crate::telemetry::{Health, Listener, Metrics};

/// Bytes that may wait in the outbox. Past it consumption pauses; below half of it, it goes on.
pub(crate) const OUTBOX_BYTES: u64 = 32 << 20;

/// What a handler needs to become a runner.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) fatal: Fatal,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) publisher: Publisher,
    pub(crate) done: Done,
    pub(crate) keeps_effects: bool,
}

impl Parts {
    pub(super) fn runner<H: Handler>(self, handler: Arc<H>) -> Arc<dyn Runner> {
        let Self { fatal, runtime, publisher, done, keeps_effects } = self;
        Arc::new(Executor { handler, fatal, runtime, publisher, done, keeps_effects })
    }
}

/// A validated consumer, ready to start.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    /// Subscribed topics; the index is the policy.
    pub(crate) topics: Vec<String>,
    pub(crate) until_end: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether somebody watches.
    pub(crate) progress: bool,
    /// Tells those who publish from outside of handlers where to.
    pub(crate) route: watch::Sender<Route>,
}

impl Plan {
    /// Opens everything and runs the loop on this thread until it ends. Blocking: has a thread of its own.
    pub(super) fn run(
        self,
        registrations: &[Registration],
        runtime: &tokio::runtime::Handle,
        facts: (Sender<Fact>, Receiver<Fact>),
    ) -> Result<Summary, Error> {
        let settings = &self.settings;
        // First of all: whoever supervises the process wants answers while it starts, and a port that is taken is told before work is done.
        let health = Arc::new(Health::new(Arc::clone(&self.metrics)));
        let _listener = listen(settings, &health, &facts.0)?;
        let user = settings.client_properties()?;
        let client = kafka::producer_properties(&settings.brokers, &user);
        // Before the producer: without rights it would fail again and again, and say less.
        super::topics::check(settings, &self.topics, &client)?;
        // Those who publish from outside are refused as soon as nobody holds this end.
        let _route = self.route.clone();
        let driver = self.assemble(registrations, runtime, facts, &health, &mut Cluster { health: &health, user, client })?;
        health.running();
        driver.run()
    }

    /// Opens what the loop is connected to, and puts the loop together.
    pub(crate) fn assemble(
        self,
        registrations: &[Registration],
        runtime: &tokio::runtime::Handle,
        (sender, receiver): (Sender<Fact>, Receiver<Fact>),
        health: &Arc<Health>,
        surroundings: &mut dyn Surroundings,
    ) -> Result<Driver, Error> {
        let settings = &self.settings;
        let waiting = Arc::new(Waiting::default());
        let producer = surroundings.producer(producer_sink(&sender, &waiting))?;
        let mut inbox = surroundings.inbox(settings, inbox_sink(&sender))?;
        let keeps_effects = inbox.keeps_effects();
        let door = inbox.outbox();
        let publisher = Publisher::new(Arc::clone(&producer), waiting, &settings.correlation_header, door.is_some());
        self.route.send_replace(match door {
            Some(door) => Route::Outbox { door, correlation_header: settings.correlation_header.clone() },
            None => Route::Direct(publisher.clone()),
        });
        let done: Done = {
            let sender = sender.clone();
            surroundings.heard(Arc::new(move |completions| forward(&sender, Fact::Completed(completions))))
        };
        let mut reading: Vec<String> = Vec::new();
        let mut runners: Vec<Option<Arc<dyn Runner>>> = vec![None; self.topics.len()];
        for registration in registrations {
            if registration.options.reads {
                reading.extend(registration.topics.iter().cloned());
            }
            let mut fatal = registration.options.fatal.clone();
            fatal.configured = registration.topics.iter().map(|topic| (topic.clone(), settings.rules(topic).fatal.clone())).collect();
            let parts = Parts { fatal, runtime: runtime.clone(), publisher: publisher.clone(), done: Arc::clone(&done), keeps_effects };
            let runner = surroundings.watched((registration.make)(parts));
            for (index, topic) in self.topics.iter().enumerate() {
                if registration.topics.contains(topic) {
                    runners[index] = Some(Arc::clone(&runner));
                }
            }
        }
        let runners: Vec<Arc<dyn Runner>> = runners.into_iter().flatten().collect();
        let topics = settings.topic_settings(&self.topics);
        say_guarantee(settings, &self.topics, keeps_effects);
        let source = match surroundings.source(settings, topics.clone(), source_sink(&sender)) {
            Ok(source) => source,
            Err(error) => {
                // Nothing was marked yet; the error that matters is the client's.
                drop(inbox.close(std::time::Duration::from_secs(1)));
                return Err(error);
            }
        };
        drop(sender);
        let mut letters = Letters::new(settings, topics);
        let mut engine = settings.engine_settings(&self.topics, surroundings.seed(), self.until_end);
        if let Some(queries) = inbox.queries() {
            reading.iter().for_each(|topic| letters.reads(topic, &queries));
        }
        for (topic, policy) in self.topics.iter().zip(&mut engine.policies).filter(|(topic, _)| reading.contains(topic)) {
            tracing::debug!(target: "onceward", %topic, "its handler reads: events are handed over one by one");
            policy.run_length = 1;
        }
        Ok(Driver {
            engine: Engine::new(engine),
            facts: receiver,
            source,
            inbox,
            producer,
            answers: Vec::new(),
            chunks: runners.iter().map(|_| Chunk::default()).collect(),
            runners,
            letters,
            metrics: self.metrics,
            health: Arc::clone(health),
            clock: surroundings.clock(),
            drain: settings.drain_deadline,
            payloads: Payloads::new(settings.credit.bytes / 4),
            partitions: Partitions::default(),
            backlog: None,
            arrived: std::collections::VecDeque::new(),
            next_run: 1,
            next_chunk: 1,
            in_flight: InFlight::default(),
            topics: self.topics.clone(),
            breakers_open: 0,
            last_failure: None,
            ending: Ending::new(self.until_end),
            progress: Progress::new(self.until_end && self.progress),
        })
    }
}

/// The health listener, if one is configured.
fn listen(settings: &Settings, health: &Arc<Health>, sender: &Sender<Fact>) -> Result<Option<Listener>, Error> {
    let Some(address) = settings.telemetry.listen else { return Ok(None) };
    let sender = sender.clone();
    let ask = Box::new(move || forward(&sender, Fact::Pulse));
    Listener::start(address, Arc::clone(health), ask)
        .map(Some)
        .map_err(|message| ConfigError::new(vec![Problem { path: "telemetry.listen".to_owned(), message }]).into())
}

/// Facts that nobody takes any more belong to a loop that has ended.
fn forward(sender: &Sender<Fact>, fact: Fact) {
    drop(sender.send(fact));
}

fn producer_sink(sender: &Sender<Fact>, waiting: &Arc<Waiting>) -> Box<dyn Fn(ProducerFact) + Send + Sync> {
    let sender = sender.clone();
    let waiting = Arc::clone(waiting);
    Box::new(move |fact| match fact {
        ProducerFact::Published { token, result } => waiting.settle(token, result),
        fact => forward(&sender, Fact::Producer(fact)),
    })
}

fn inbox_sink(sender: &Sender<Fact>) -> InboxSink {
    let sender = sender.clone();
    Arc::new(move |fact| forward(&sender, Fact::Inbox(fact)))
}

fn source_sink(sender: &Sender<Fact>) -> kafka::SourceSink {
    let sender = sender.clone();
    Box::new(move |fact: SourceFact| forward(&sender, Fact::Source(fact)))
}

pub(super) fn open_inbox(settings: &Settings, client: &[(String, String)], sink: InboxSink) -> Result<Box<dyn Inbox>, Error> {
    Ok(match &settings.inbox {
        InboxPlace::Memory => Box::new(MemoryInbox::open(sink)),
        InboxPlace::Sqlite(path) => Box::new(SqliteInbox::open_with(sqlite_settings(settings, path.clone()), sink, Some(relay(client)?))?),
    })
}

/// Starts the relay of the outbox; what it is given waits in the outlet.
fn relay(client: &[(String, String)]) -> Result<Outlet, Error> {
    let (outlet, inlet) = outlet(OUTBOX_BYTES);
    Relay::start(client.to_vec(), inlet)?;
    Ok(outlet)
}

pub(crate) fn sqlite_settings(settings: &Settings, path: PathBuf) -> SqliteSettings {
    let mut sqlite = SqliteSettings::new(path, settings.group.clone());
    sqlite.retention = settings.retention;
    sqlite.migrations.clone_from(&settings.migrations);
    sqlite.setup_sql.clone_from(&settings.setup_sql);
    sqlite.group_wait = settings.group_commit.wait;
    sqlite.group_size = settings.group_commit.size;
    sqlite.filter_bytes = settings.filter_memory;
    sqlite
}

/// Jitter should differ between processes: otherwise a fleet retries in step.
pub(super) fn seed() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}

fn say_guarantee(settings: &Settings, topics: &[String], keeps_effects: bool) {
    let effects = if keeps_effects {
        "what it gives to event.effect commits with its mark, exactly once among the processes of this host; what it publishes commits with \
         its mark too and is relayed afterwards, in order per key, so the next Onceward consumer sees it once"
    } else {
        "the memory inbox forgets everything at exit: copies that arrive after a restart are handled again, and event.effect is refused; what \
         it publishes is acknowledged before the mark, so a crash in between publishes the same id again"
    };
    for topic in topics {
        tracing::info!(
            target: "onceward", %topic, group = %settings.group,
            "guarantee: each event is delivered at least once and its copies are dropped; {effects}"
        );
    }
}
