//! Where a loop runs: among Kafka's clients and the inbox's file, or in a test.

use std::sync::{Arc, Mutex, PoisonError};

use super::start::{open_inbox, open_journal, seed};
use super::topics::widened;
use super::watcher::Watcher;
use crate::Error;
use crate::archive::{Archive, ArchiveSink, Nothing, Shelves};
use crate::config::Settings;
use crate::driver::{Clock, Downstream, Upstream};
use crate::executor::{Done, Runner};
use crate::inbox::{Inbox, InboxSink};
use crate::journal::Journal;
use crate::kafka::{self, Source, SourceFact, SourceSettings, SourceSink, TopicSettings};
use crate::letter::{Producer, ProducerSink};
use crate::telemetry::Health;

/// Opens what the loop is connected to, in this order: producer, inbox, source.
pub(crate) trait Surroundings {
    fn producer(&mut self, sink: ProducerSink) -> Result<Arc<dyn Downstream>, Error>;

    fn inbox(&mut self, settings: &Settings, sink: InboxSink) -> Result<Box<dyn Inbox>, Error>;

    fn source(&mut self, settings: &Settings, topics: Vec<TopicSettings>, sink: SourceSink) -> Result<Box<dyn Upstream>, Error>;

    /// Ledgers and letters.
    fn archive(&mut self, settings: &Settings, sink: ArchiveSink) -> Result<Box<dyn Archive>, Error>;

    /// What is running, written so that it outlives the process. `None`: nothing is.
    fn journal(&mut self, _settings: &Settings, _in_hands: u32) -> Option<Journal> {
        None
    }

    fn clock(&self) -> Clock {
        Clock::start()
    }

    /// For the jitter of retries.
    fn seed(&self) -> u64 {
        seed()
    }

    /// Whether dead letters are deleted by retention some day, so that what the ledger says of them can go.
    fn has_retention(&self) -> bool {
        true
    }

    /// Looks over the shoulder of a handler's runner.
    fn watched(&self, runner: Arc<dyn Runner>) -> Arc<dyn Runner> {
        runner
    }

    /// Looks at what became of deliveries.
    fn heard(&self, done: Done) -> Done {
        done
    }
}

/// A real cluster.
pub(super) struct Cluster<'a> {
    pub(super) health: &'a Health,
    /// The user's properties, with their secrets.
    pub(super) user: Vec<(String, String)>,
    /// A producer's complete ones.
    pub(super) client: Vec<(String, String)>,
    /// Looks for topics that patterns match.
    pub(super) watcher: Option<Watcher>,
}

impl Surroundings for Cluster<'_> {
    fn producer(&mut self, sink: ProducerSink) -> Result<Arc<dyn Downstream>, Error> {
        Ok(Arc::new(Producer::start(&self.client, sink)?))
    }

    fn inbox(&mut self, settings: &Settings, sink: InboxSink) -> Result<Box<dyn Inbox>, Error> {
        open_inbox(settings, &self.client, sink)
    }

    fn journal(&mut self, settings: &Settings, in_hands: u32) -> Option<Journal> {
        open_journal(settings, in_hands)
    }

    fn archive(&mut self, settings: &Settings, sink: ArchiveSink) -> Result<Box<dyn Archive>, Error> {
        if !settings.dead_letter.replay {
            return Ok(Box::new(Nothing));
        }
        let client = kafka::consumer_properties(&settings.brokers, &settings.group, &self.user);
        Ok(Box::new(Shelves::start(&client, &sink)?))
    }

    fn source(&mut self, settings: &Settings, topics: Vec<TopicSettings>, sink: SourceSink) -> Result<Box<dyn Upstream>, Error> {
        let source = SourceSettings {
            client: kafka::consumer_properties(&settings.brokers, &settings.group, &self.user),
            group: settings.group.clone(),
            topics,
            reset: settings.auto_offset_reset,
            drain: settings.drain_deadline,
            batch_records: 1_000,
            batch_bytes: 512 << 10,
            batches_ahead: 3,
        };
        let sink = watch_sizes(settings, &self.client, sink);
        let pulse = settings.telemetry.listen.map(|_| Arc::clone(&self.health.poll));
        // Goes with the sink, and so with the poll thread.
        let (lives, over) = crossbeam_channel::bounded::<()>(0);
        let sink: SourceSink = Box::new(move |fact| {
            let _lives = &lives;
            sink(fact);
        });
        let source = Source::start_watched(source, sink, pulse)?;
        if let Some(watcher) = self.watcher.take() {
            watcher.spawn(source.subscriber(), over)?;
        }
        Ok(Box::new(source))
    }
}

/// When a topic grows, its companions must, too: looked after on a thread of its own, since a broker may be slow.
fn watch_sizes(settings: &Settings, client: &[(String, String)], sink: SourceSink) -> SourceSink {
    let (settings, client) = (Arc::new(settings.clone()), Arc::new(client.to_vec()));
    let sink = Arc::new(Mutex::new(sink));
    Box::new(move |fact| {
        if let SourceFact::Widened { topic } = &fact {
            let (settings, client, topic, sink) = (Arc::clone(&settings), Arc::clone(&client), Arc::clone(topic), Arc::downgrade(&sink));
            let thread = std::thread::Builder::new().name("onceward-topics".to_owned());
            let look = move || {
                widened(&settings, &topic, &client, || sink.strong_count() > 0);
                if let Some(sink) = sink.upgrade() {
                    say(&sink, SourceFact::Wide { topic });
                }
            };
            if let Err(error) = thread.spawn(look) {
                tracing::error!(target: "onceward", %error, "can't look after the companion topics of a topic that has grown");
            }
        }
        say(&sink, fact);
    })
}

fn say(sink: &Mutex<SourceSink>, fact: SourceFact) {
    sink.lock().unwrap_or_else(PoisonError::into_inner)(fact);
}
