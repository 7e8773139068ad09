//! A small service for one test: its handler notes what it is given.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use onceward::{AutoOffsetReset, Builder, Consumer, Error, Event, Failure, Summary};
use onceward_tests::kafka;

/// One group over one topic, with an inbox that outlives its runs.
pub(crate) struct Service {
    pub(crate) brokers: String,
    pub(crate) topic: String,
    pub(crate) group: String,
    inbox: PathBuf,
    _folder: tempfile::TempDir,
}

/// What the handler was given: partition, offset, value.
pub(crate) type Handled = Vec<(i32, i64, String)>;

pub(crate) type Notes = Arc<Mutex<Handled>>;

impl Service {
    pub(crate) fn new(name: &str, partitions: i32) -> Self {
        logs();
        let (brokers, folder) = (kafka::brokers(), tempfile::tempdir().unwrap());
        let (topic, group) = (kafka::unique(name), kafka::unique(name));
        kafka::create(&brokers, &topic, partitions, &[]);
        Self { brokers, topic, group, inbox: folder.path().join("inbox.db"), _folder: folder }
    }

    pub(crate) fn builder(&self) -> Builder {
        Consumer::builder()
            .brokers(self.brokers.clone())
            .group(self.group.clone())
            .inbox(format!("sqlite:{}", self.inbox.display()))
            .auto_offset_reset(AutoOffsetReset::Earliest)
            .create_topics(true)
            .kafka("session.timeout.ms", "6000")
    }

    /// Runs until the end of the topic. A run that does not end is a failure.
    pub(crate) fn run_until_end(&self, builder: Builder) -> (Result<Summary, Error>, Handled) {
        let notes = Notes::default();
        let app = builder.build().unwrap().on(self.topic.clone(), noting(Arc::clone(&notes)));
        let result = runtime().block_on(async { tokio::time::timeout(kafka::PATIENCE, app.run_until_end(std::future::pending())).await });
        let result = result
            .unwrap_or_else(|_| panic!("the run did not end within {:?}; handled so far: {:?}", kafka::PATIENCE, notes.lock().unwrap()));
        let mut handled = notes.lock().unwrap().clone();
        handled.sort_unstable();
        (result, handled)
    }

    pub(crate) fn committed(&self, partition: i32) -> Option<i64> {
        kafka::committed(&self.brokers, &self.group, &self.topic).get(&partition).copied()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The broker is kept between runs; what a test leaves in it would be there for ever.
        if !std::thread::panicking() {
            kafka::delete(&self.brokers, &self.topic);
        }
    }
}

/// With `ONCEWARD_TEST_LOG=debug` (or any filter) in the environment, what the consumer logs goes to stderr.
pub(crate) fn logs() {
    if let Ok(filter) = std::env::var("ONCEWARD_TEST_LOG") {
        // The second test of a process finds it done.
        drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
    }
}

/// A handler that notes and succeeds.
pub(crate) fn noting(notes: Notes) -> impl Fn(Event) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
    move |event| {
        let value = String::from_utf8_lossy(event.value().unwrap_or_default()).into_owned();
        notes.lock().unwrap().push((event.partition(), event.offset(), value));
        std::future::ready(Ok(()))
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// So that a slow machine is not mistaken for a stuck consumer, and a stuck one does not wait for ever.
pub(crate) const DRAIN: Duration = Duration::from_secs(1);
