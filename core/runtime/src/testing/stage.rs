//! The stage: one life of the process after the other, on one thread.

use std::sync::{Arc, Mutex};

use crossbeam_channel::Receiver;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::desk::Desk;
use super::feed::Feed;
use super::folder::Folder;
use super::options::RigOptions;
use super::shelf::Shelf;
use super::store::Store;
use super::surroundings::Simulated;
use super::trial::Trial;
use super::world::World;
use crate::Error;
use crate::alerts::{Callback, Retention};
use crate::config::{InboxPlace, Pattern, Settings};
use crate::consumer::{Consumer, Control, Plan, Registration, Routes, contest};
use crate::driver::{Driver, Fact};
use crate::inbox::{Queries, backup};
use crate::kafka::TopicSettings;
use crate::publisher::Route;
use crate::telemetry::{Health, Metrics, Tracer};

/// Everything that a rig's thread owns.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) desk: Desk,
    pub(super) store_failures: Arc<Mutex<u32>>,
    pub(super) life: Option<Life>,
    pub(super) settings: Settings,
    pub(super) topics: Vec<String>,
    /// Topics that a pattern matched when a record was sent to them.
    found: Vec<TopicSettings>,
    pub(super) routes: Routes,
    control: Control,
    on_dead_letter: Option<Callback>,
    registrations: Vec<Registration>,
    metrics: Arc<Metrics>,
    route: watch::Sender<Route>,
    seed: u64,
    /// Letters are tried, and what handlers wait for is outside of the process.
    real_time: bool,
    /// Goes last: a store that is open would miss it.
    folder: Folder,
}

/// One life of the process.
pub(super) struct Life {
    pub(super) driver: Driver,
    pub(super) facts: Receiver<Fact>,
    pub(super) feed: Feed,
    pub(super) store: Store,
    pub(super) shelf: Shelf,
    pub(super) queries: Option<Queries>,
    /// With a clock of its own that stands still unless every handler waits.
    pub(super) runtime: Runtime,
    /// The world's time when that clock began.
    pub(super) began: u64,
    pub(super) clock: tokio::time::Instant,
}

impl Stage {
    pub(super) fn new(app: Consumer, options: &RigOptions, world: World, trial: Option<&Trial>) -> Result<Self, Error> {
        let (Plan { settings, mut routes, metrics, route, control, mut on_dead_letter, .. }, registrations) = app.plan(false)?;
        let folder = Folder::make(trial.is_none()).map_err(|why| {
            Error::Halted(format!("the rig has no place for its inbox: {why}. Set TMPDIR to a folder that can be written"))
        })?;
        if let Some(trial) = trial {
            Trial::simplify(&mut routes);
            on_dead_letter = Some(Arc::clone(&trial.told));
            trial.stock(&world, &settings)?;
            if let InboxPlace::Sqlite(file) = &settings.inbox
                && file.exists()
            {
                backup(file, &folder.file(), |_, _| {})?;
            }
        }
        let mut stage = Self {
            world,
            desk: Desk::default(),
            store_failures: Arc::default(),
            life: None,
            settings,
            topics: routes.topics.clone(),
            found: Vec::new(),
            routes,
            control,
            on_dead_letter,
            registrations,
            metrics,
            route,
            seed: options.seed,
            real_time: trial.is_some(),
            folder,
        };
        stage.start()?;
        Ok(stage)
    }

    /// The process starts: on the same file, at the committed offsets.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(!self.real_time)
            .build()
            .map_err(|error| Error::Halted(format!("the rig's runtime can't be made: {error}")))?;
        let (sender, facts) = crossbeam_channel::unbounded();
        let mut simulated = Simulated {
            world: self.world.clone(),
            desk: self.desk.clone(),
            file: self.folder.file(),
            seed: self.seed,
            store_failures: Arc::clone(&self.store_failures),
            store: None,
            feed: None,
            shelf: None,
        };
        let plan = Plan {
            settings: self.settings.clone(),
            routes: self.routes.clone(),
            control: self.control.clone(),
            found: self.found.clone(),
            until_end: false,
            metrics: Arc::clone(&self.metrics),
            progress: false,
            route: self.route.clone(),
            on_dead_letter: self.on_dead_letter.clone(),
            webhook: None,
            retention: Retention::default(),
        };
        let health = Arc::new(Health::new(Arc::clone(&self.metrics), plan.limits()));
        let driver =
            plan.assemble(&self.registrations, runtime.handle(), (sender, facts.clone()), (&health, Tracer::default()), &mut simulated)?;
        health.running();
        let (Some(store), Some(feed), Some(shelf)) = (simulated.store, simulated.feed, simulated.shelf) else { return Err(Error::Closed) };
        let clock = runtime.block_on(async { tokio::time::Instant::now() });
        let (queries, began) = (store.queries(), self.world.now());
        self.life = Some(Life { driver, facts, feed, store, shelf, queries, runtime, began, clock });
        Ok(())
    }

    /// As handlers and configuration call a topic: by its name, or by the pattern that matches it, which then has found it. `None`: there
    /// is no handler for it.
    pub(super) fn called(&mut self, topic: &str) -> Result<Option<String>, Error> {
        if let Some(known) = self.topics.iter().find(|known| *known == topic && !Pattern::is_one(known)) {
            return Ok(Some(known.clone()));
        }
        if let Some(known) = self.found.iter().find(|known| known.name == topic) {
            return Ok(Some(known.called().to_owned()));
        }
        let matched = self.routes.patterns(&self.settings).sort(&self.settings, &[topic]);
        if let Some((_, by)) = matched.contested.first() {
            return Err(Error::Topics(format!("topic {topic} {}", contest(by))));
        }
        let Some(settings) = matched.topics.into_iter().next() else { return Ok(None) };
        let called = settings.called().to_owned();
        self.found.push(settings.clone());
        self.world.join(&self.settings, topic);
        let (world, group) = (self.world.clone(), self.settings.group.clone());
        self.life()?.feed.find(settings, &group, &world);
        Ok(Some(called))
    }

    /// The process is gone, without a word: handlers that ran are cut off where they waited.
    pub(super) fn die(&mut self) {
        let Some(life) = self.life.take() else { return };
        self.world.cut_off();
        let Life { driver, store, runtime, .. } = life;
        runtime.shutdown_background();
        drop(driver);
        self.desk.die();
        store.die();
    }

    pub(super) fn life(&mut self) -> Result<&mut Life, Error> {
        self.life.as_mut().ok_or(Error::Closed)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.die();
    }
}
