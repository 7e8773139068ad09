//! What one life of the process is connected to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::desk::Desk;
use super::feed::Feed;
use super::shelf::Shelf;
use super::store::{Kept, Store, ear};
use super::watch::Watched;
use super::world::World;
use crate::Error;
use crate::archive::{Archive, ArchiveSink, Nothing};
use crate::config::{InboxPlace, Settings};
use crate::consumer::{OUTBOX_BYTES, Surroundings, sqlite_settings};
use crate::driver::{Clock, Downstream, Upstream};
use crate::executor::{Done, Runner};
use crate::inbox::{Inbox, InboxSink, MemoryInbox, SqliteInbox};
use crate::kafka::{SourceSink, TopicSettings};
use crate::letter::ProducerSink;
use crate::outbox::outlet;

/// Opened once per life.
pub(super) struct Simulated {
    pub(super) world: World,
    pub(super) desk: Desk,
    pub(super) file: PathBuf,
    pub(super) seed: u64,
    pub(super) store_failures: Arc<Mutex<u32>>,
    /// What was opened, for the stage to work with.
    pub(super) store: Option<Store>,
    pub(super) feed: Option<Feed>,
    pub(super) shelf: Option<Shelf>,
}

impl Surroundings for Simulated {
    fn producer(&mut self, sink: ProducerSink) -> Result<Arc<dyn Downstream>, Error> {
        self.desk.open(sink);
        Ok(Arc::new(self.desk.clone()))
    }

    fn inbox(&mut self, settings: &Settings, sink: InboxSink) -> Result<Box<dyn Inbox>, Error> {
        let (mouth, answers) = ear();
        let clock = Arc::new(self.world.clone());
        let kept = match &settings.inbox {
            InboxPlace::Memory => Kept::Memory(Box::new(MemoryInbox::with_clock(mouth, settings.retention, clock))),
            // A rig needs no server: SQLite stands in for it.
            InboxPlace::Sqlite(_) | InboxPlace::Postgres(_) => {
                let mut sqlite = sqlite_settings(settings, self.file.clone());
                sqlite.clock = clock;
                let (outlet, inlet) = outlet(OUTBOX_BYTES);
                self.desk.relay(inlet);
                Kept::Sqlite(Box::new(SqliteInbox::open_with(sqlite, mouth, Some(outlet))?))
            }
        };
        let store = Store::new(kept, answers, sink, self.world.clone(), Arc::clone(&self.store_failures));
        self.store = Some(store.clone());
        Ok(Box::new(store))
    }

    fn archive(&mut self, settings: &Settings, sink: ArchiveSink) -> Result<Box<dyn Archive>, Error> {
        let shelf = Shelf::new(sink);
        self.shelf = Some(shelf.clone());
        Ok(if settings.dead_letter.replay { Box::new(shelf) } else { Box::new(Nothing) })
    }

    fn source(&mut self, settings: &Settings, topics: Vec<TopicSettings>, sink: SourceSink) -> Result<Box<dyn Upstream>, Error> {
        topics.iter().for_each(|topic| self.world.join(settings, &topic.name));
        let feed = Feed::join(settings, topics, sink, &self.world);
        self.feed = Some(feed.clone());
        Ok(Box::new(feed))
    }

    fn clock(&self) -> Clock {
        self.world.clock()
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn has_retention(&self) -> bool {
        false
    }

    fn watched(&self, runner: Arc<dyn Runner>) -> Arc<dyn Runner> {
        Arc::new(Watched { inner: runner, world: self.world.clone() })
    }

    fn heard(&self, done: Done) -> Done {
        let (world, bell) = (self.world.clone(), Arc::clone(&self.desk.bell));
        Arc::new(move |completions| {
            world.ended(&completions);
            done(completions);
            bell.notify_one();
        })
    }
}
