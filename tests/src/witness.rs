//! What a child process of a test writes down: what its handlers do, and which partitions it owns.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::history::{Step, Writer};

/// Writes a process's history.
pub struct Witness {
    history: Writer,
    topic: String,
    /// The epoch of each partition as the runtime logs it.
    epochs: Mutex<HashMap<i32, u32>>,
}

impl Witness {
    /// Writes to `path` from now on, and takes what the runtime logs of partitions from this process's log. What people would read goes to
    /// stderr.
    ///
    /// # Panics
    /// When the file can't be opened, or another subscriber is there.
    pub fn begin(path: &Path, member: &str, topic: &str) -> Arc<Self> {
        let history = Writer::open(path, member).expect("the history can be written");
        let witness = Arc::new(Self { history, topic: topic.to_owned(), epochs: Mutex::default() });
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
        let levels = tracing_subscriber::filter::LevelFilter::INFO;
        let subscriber = tracing_subscriber::registry().with(levels).with(lines).with(Listener(Arc::clone(&witness)));
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens");
        witness
    }

    /// The epoch of a partition in this process.
    #[must_use]
    pub fn epoch(&self, partition: i32) -> u32 {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner).get(&partition).copied().unwrap_or(0)
    }

    /// Writes one step.
    ///
    /// # Panics
    /// When it can't be written: the history must be complete.
    pub fn say(&self, partition: i32, step: Step) {
        self.history.write(self.epoch(partition), step).expect("the history must be complete");
    }
}

/// Turns what the runtime logs about partitions into history.
struct Listener(Arc<Witness>);

#[derive(Default)]
struct Fields {
    message: String,
    partition: String,
    epoch: u32,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "partition" => self.partition = format!("{value:?}"),
            "epoch" => self.epoch = format!("{value:?}").parse().unwrap_or(0),
            _ => {}
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        // Alone, or as in `topic/3`.
        let number = fields.partition.rsplit(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok());
        let (Some(partition), topic) = (number, self.0.topic.clone()) else { return };
        match fields.message.as_str() {
            "partition assigned" => {
                self.0.epochs.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, fields.epoch);
                self.0.say(partition, Step::Assigned { topic, partition });
            }
            "partition revoked: draining" => self.0.say(partition, Step::Revoking { topic, partition }),
            _ => {}
        }
    }
}
