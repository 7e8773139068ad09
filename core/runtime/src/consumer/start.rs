//! From a configuration and handlers to a running loop.

use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use onceward_engine::Engine;
use tokio::sync::watch;

use super::surroundings::{Cluster, Surroundings};
use super::watcher::Watcher;
use super::{Control, Registration, Routes};
use crate::Error;
use crate::alerts::{Alerts, Callback, Calls, Retention, Webhook};
use crate::archive::ArchiveSink;
use crate::config::{ConfigError, InboxPlace, Problem, Settings};
use crate::driver::{
    Driver, Ending, Fact, InFlight, Intake, Ledgers, LetterWatch, Letters, Partitions, Payloads, Progress, Summary, Unreadable,
};
use crate::event::Chunk;
use crate::executor::{Batches, Done, Executor, Foreign, Runner, Taker};
use crate::handler::{BatchHandler, Fatal, Handler};
use crate::inbox::{Address, Inbox, InboxSink, MemoryInbox, PostgresInbox, PostgresSettings, SqliteInbox, SqliteSettings};
use crate::journal::{Journal, Running};
use crate::kafka::{self, SourceFact, TopicSettings};
use crate::letter::ProducerFact;
use crate::outbox::{Outlet, Relay, outlet};
use crate::publisher::{Publisher, Route, Waiting};
use crate::schemas::{SchemaSink, Schemas};
use crate::telemetry::{Health, Limits, Listener, Metrics, Otlp, Tracer};

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
    pub(crate) running: Option<Arc<Running>>,
}

impl Parts {
    pub(super) fn runner<H: Handler>(self, handler: Arc<H>) -> Arc<dyn Runner> {
        Arc::new(self.executor(handler))
    }

    pub(super) fn batch_runner<H: BatchHandler>(self, handler: Arc<H>) -> Arc<dyn Runner> {
        Arc::new(Batches(self.executor(handler)))
    }

    pub(super) fn foreign_runner(self, taker: Arc<Box<dyn Taker>>) -> Arc<dyn Runner> {
        Foreign::new(self.executor(taker))
    }

    fn executor<H>(self, handler: Arc<H>) -> Executor<H> {
        let Self { fatal, runtime, publisher, done, keeps_effects, running } = self;
        Executor { handler, fatal, runtime, publisher, done, keeps_effects, running }
    }
}

/// A validated consumer, ready to start.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    /// Handlers of subscribed topics; the index is the policy.
    pub(crate) routes: Routes,
    /// Topics that its patterns match, as of now.
    pub(crate) found: Vec<TopicSettings>,
    pub(crate) until_end: bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Whether somebody watches.
    pub(crate) progress: bool,
    /// Tells those who publish from outside of handlers where to.
    pub(crate) route: watch::Sender<Route>,
    pub(crate) control: Control,
    /// Called for every letter.
    pub(crate) on_dead_letter: Option<Callback>,
    /// Told of letters by cause; a test's consumer has none.
    pub(crate) webhook: Option<Webhook>,
    /// What is known of the dead-letter topics' retention.
    pub(crate) retention: Retention,
}

impl Plan {
    /// Opens everything and runs the loop on this thread until it ends. Blocking: has a thread of its own.
    pub(super) fn run(
        mut self,
        registrations: &[Registration],
        runtime: &tokio::runtime::Handle,
        facts: (Sender<Fact>, Receiver<Fact>),
    ) -> Result<Summary, Error> {
        let settings = &self.settings;
        // First of all: whoever supervises the process wants answers while it starts, and a port that is taken is told before work is done.
        let health = Arc::new(Health::new(Arc::clone(&self.metrics), self.limits()));
        let _listener = listen(settings, &health, &facts.0)?;
        // Dropped last: then what was still to be sent is sent, or given up after a few seconds.
        let otlp = Otlp::start(&settings.telemetry, &settings.group, &self.metrics)?;
        let tracer = otlp.tracer();
        self.webhook = settings.webhook.as_ref().map(Webhook::start).transpose()?;
        let settings = &self.settings;
        let user = settings.client_properties()?;
        let client = kafka::producer_properties(&settings.brokers, &user);
        // Before the producer: without rights it would fail again and again, and say less.
        let named = self.routes.named();
        if !named.is_empty() {
            self.retention = super::topics::check(settings, &named, &client)?;
        }
        let patterns = self.routes.patterns(settings);
        let mut watcher = (!patterns.is_empty()).then(|| Watcher::new(settings, patterns, &client, &self.metrics));
        if let Some(watcher) = &mut watcher {
            self.found = watcher.begin(self.until_end)?;
        }
        if self.until_end && named.is_empty() && self.found.is_empty() {
            tracing::info!(target: "onceward", "no topic matches, so there is nothing to read");
            return Ok(Summary::default());
        }
        let watcher = watcher.filter(|_| !self.until_end);
        // Those who publish from outside are refused as soon as nobody holds this end.
        let _route = self.route.clone();
        let driver =
            self.assemble(registrations, runtime, facts, (&health, tracer), &mut Cluster { health: &health, user, client, watcher })?;
        health.running();
        driver.run()
    }

    /// Opens what the loop is connected to, and puts the loop together.
    pub(crate) fn assemble(
        self,
        registrations: &[Registration],
        runtime: &tokio::runtime::Handle,
        (sender, receiver): (Sender<Fact>, Receiver<Fact>),
        (health, tracer): (&Arc<Health>, Tracer),
        surroundings: &mut dyn Surroundings,
    ) -> Result<Driver, Error> {
        let settings = &self.settings;
        let waiting = Arc::new(Waiting::default());
        let producer = surroundings.producer(producer_sink(&sender, &waiting))?;
        let mut inbox = surroundings.inbox(settings, inbox_sink(&sender))?;
        let journal = surroundings.journal(settings, self.routes.in_hands(settings.concurrency));
        let running = journal.as_ref().map(Journal::running);
        let keeps_effects = inbox.keeps_effects();
        let door = inbox.outbox();
        let publisher = Publisher::new(Arc::clone(&producer), waiting, &settings.correlation_header, door.is_some(), tracer.clone());
        self.route.send_replace(match door {
            Some(door) => Route::Outbox { door, correlation_header: settings.correlation_header.clone() },
            None => Route::Direct(publisher.clone()),
        });
        let done: Done = {
            let sender = sender.clone();
            surroundings.heard(Arc::new(move |completions| forward(&sender, Fact::Completed(completions))))
        };
        let schemas = Schemas::open(settings, &self.routes.topics, schema_sink(&sender))?;
        let mut reading: Vec<String> = Vec::new();
        let mut runners: Vec<Option<Arc<dyn Runner>>> = vec![None; self.routes.routes.len()];
        for (handler, registration) in registrations.iter().enumerate() {
            if registration.options.reads {
                reading.extend(registration.topics.iter().cloned());
            }
            let mut fatal = registration.options.fatal.clone();
            fatal.configured = registration.topics.iter().map(|topic| (topic.clone(), settings.rules(topic).fatal.clone())).collect();
            let tokio = runtime.clone();
            let (runtime, publisher, done, running) = (runtime.clone(), publisher.clone(), Arc::clone(&done), running.clone());
            let parts = Parts { fatal, runtime, publisher, done, keeps_effects, running };
            let runner = schemas.before((registration.make)(parts), &registration.topics, &tokio);
            let runner = surroundings.watched(runner);
            for (index, _) in self.routes.routes.iter().enumerate().filter(|(_, route)| route.handler == handler) {
                runners[index] = Some(Arc::clone(&runner));
            }
        }
        let runners: Vec<Arc<dyn Runner>> = runners.into_iter().flatten().collect();
        let mut topics = self.routes.topic_settings(settings);
        topics.retain(|topic| topic.pattern.is_none());
        topics.extend(self.found);
        say_guarantee(settings, &self.routes.topics);
        let connected = self.control.connect(&sender);
        let archive = surroundings.archive(settings, archive_sink(&sender))?;
        let source = match surroundings.source(settings, topics.clone(), source_sink(&sender)) {
            Ok(source) => source,
            Err(error) => {
                // Nothing was marked yet; the error that matters is the client's.
                drop(inbox.close(std::time::Duration::from_secs(1)));
                return Err(error);
            }
        };
        drop(sender);
        let alerts = Alerts {
            callback: self.on_dead_letter.map(|function| Calls::start(function, runtime)),
            webhook: self.webhook,
            retention: self.retention,
        };
        let mut letters = Letters::new(settings, &topics);
        let mut engine = settings.engine_settings(self.routes.policies(), surroundings.seed(), self.until_end);
        if !surroundings.has_retention() {
            engine.clean_interval = u64::MAX;
        }
        if let Some(queries) = inbox.queries() {
            reading.iter().for_each(|topic| letters.reads(topic, &queries));
        }
        Ok(Driver {
            engine: Engine::new(engine),
            facts: receiver,
            source,
            inbox,
            producer,
            archive,
            ledgers: Ledgers::new(store_name(&settings.inbox)),
            answers: Vec::new(),
            chunks: runners.iter().map(|_| Chunk::default()).collect(),
            runners,
            letters,
            tracer,
            metrics: self.metrics,
            alerts,
            letter_watch: LetterWatch::default(),
            unreadable: Unreadable::default(),
            health: Arc::clone(health),
            clock: surroundings.clock(),
            drain: settings.drain_deadline,
            payloads: Payloads::new(settings.credit.bytes / 4),
            partitions: Partitions::default(),
            intake: Intake::default(),
            next_run: 1,
            next_chunk: 1,
            in_flight: InFlight::default(),
            journal,
            routes: self.routes,
            stuck_call: 0,
            suspended: std::collections::BTreeSet::new(),
            schemaless: std::collections::BTreeSet::new(),
            _connected: connected,
            breakers_open: 0,
            last_failure: None,
            ending: Ending::new(self.until_end),
            progress: Progress::new(self.until_end && self.progress),
        })
    }

    /// What handlers may take, of all routes together.
    pub(crate) fn limits(&self) -> Limits {
        let timeouts = self.routes.routes.iter().map(|route| route.policy.handler_timeout.unwrap_or(u64::MAX));
        let seconds = timeouts.max().unwrap_or(0).div_ceil(1_000);
        Limits { concurrency: self.settings.concurrency, timeout: u32::try_from(seconds).unwrap_or(u32::MAX) }
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

fn schema_sink(sender: &Sender<Fact>) -> SchemaSink {
    let sender = sender.clone();
    Box::new(move |topic, away| forward(&sender, Fact::Registry { topic: topic.to_owned(), away }))
}

/// What a claim says of where its owner marks: for people.
fn store_name(inbox: &InboxPlace) -> String {
    match inbox {
        InboxPlace::Sqlite(path) => format!("sqlite:{}", path.display()),
        InboxPlace::Postgres(address) => address.to_string(),
        InboxPlace::Memory => "memory".to_owned(),
    }
}

fn archive_sink(sender: &Sender<Fact>) -> ArchiveSink {
    let sender = sender.clone();
    Arc::new(move |fact| forward(&sender, Fact::Archive(fact)))
}

pub(super) fn open_inbox(settings: &Settings, client: &[(String, String)], sink: InboxSink) -> Result<Box<dyn Inbox>, Error> {
    Ok(match &settings.inbox {
        InboxPlace::Memory => Box::new(MemoryInbox::open(sink)),
        InboxPlace::Postgres(address) => Box::new(PostgresInbox::open(postgres_settings(settings, address), sink)?),
        InboxPlace::Sqlite(path) => Box::new(SqliteInbox::open_with(sqlite_settings(settings, path.clone()), sink, Some(relay(client)?))?),
    })
}

/// The journal beside an inbox on disk. Without it a crash makes no suspects; everything else goes on.
pub(super) fn open_journal(settings: &Settings, in_hands: u32) -> Option<Journal> {
    let InboxPlace::Sqlite(path) = &settings.inbox else { return None };
    match Journal::open(path, in_hands) {
        Ok(journal) => Some(journal),
        Err(error) => {
            tracing::warn!(target: "onceward", inbox = %path.display(), %error,
                "the journal of running events can't be kept beside the inbox: an event that kills the process will not be found out");
            None
        }
    }
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
    sqlite.fatal_constraints = settings.fatal_constraints;
    sqlite.group_wait = settings.group_commit.wait;
    sqlite.group_size = settings.group_commit.size;
    sqlite.filter_bytes = settings.filter_memory;
    sqlite
}

fn postgres_settings(settings: &Settings, address: &Address) -> PostgresSettings {
    let mut postgres = PostgresSettings::new(address.clone(), settings.group.clone());
    postgres.retention = settings.retention;
    postgres.migrations.clone_from(&settings.migrations);
    postgres.setup_sql.clone_from(&settings.setup_sql);
    postgres.group_size = settings.group_commit.size;
    postgres
}

/// Jitter should differ between processes: otherwise a fleet retries in step.
pub(super) fn seed() -> u64 {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    high ^ low
}

fn say_guarantee(settings: &Settings, topics: &[String]) {
    let effects = settings.inbox.guarantee();
    for topic in topics {
        tracing::info!(
            target: "onceward", %topic, group = %settings.group,
            "guarantee: each event is delivered at least once and its copies are dropped; {effects}"
        );
    }
}
