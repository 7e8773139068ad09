//! A service whose handler can be mended, and the operator who asks for replays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use onceward::config::raw::AfterDeadLetter;
use onceward::ledger::{Ask, Ledger, LetterState, Offset, Verb, ask};
use onceward::letter::Scan;
use onceward::{Builder, Error, Event, Failure, Metrics, Summary};
use onceward_tests::kafka::{self, Outgoing};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::service::{Notes, Service, noting, runtime};

/// What a dead-letter topic needs.
pub(crate) const LETTERS: [(&str, &str); 2] = [("max.message.bytes", "2000000"), ("retention.ms", "2592000000")];

/// Events whose value begins with `bad` are refused until the service is mended.
#[derive(Default)]
pub(crate) struct Mended {
    pub(crate) notes: Notes,
    flag: Arc<AtomicBool>,
}

/// A consumer that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) metrics: Arc<Metrics>,
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Result<Summary, Error>>,
}

impl Running {
    /// Whether a metric stands at this value.
    pub(crate) fn shows(&self, metric: &str, value: u64) -> Option<()> {
        self.metrics.prometheus().lines().any(|line| line == format!("{metric} {value}")).then_some(())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    pub(crate) fn stop(self) -> Result<Summary, Error> {
        drop(self.stop);
        self.runtime.block_on(self.task).unwrap()
    }
}

impl Mended {
    pub(crate) fn mend(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// With `hold`, so that order is at stake.
    pub(crate) fn start(&self, service: &Service, builder: Builder) -> Running {
        let (note, mended) = (noting(Notes::clone(&self.notes)), Arc::clone(&self.flag));
        let topic = service.topic.clone();
        let builder = builder.configure(|config| {
            config.topics.entry(topic).or_default().after_dead_letter = Some(AfterDeadLetter::Hold);
        });
        let app = builder.build().unwrap().on(service.topic.clone(), move |event: Event| {
            let bad = event.value().is_some_and(|value| value.starts_with(b"bad")) && !mended.load(Ordering::SeqCst);
            if bad { std::future::ready(Err(Failure::reject("not mended"))) } else { note(event) }
        });
        let (metrics, runtime) = (app.metrics(), runtime());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(app.run(async move { drop(stopped.await) }));
        Running { metrics, runtime, stop, task }
    }

    /// What was handled, in order.
    pub(crate) fn values(&self) -> Vec<String> {
        self.notes.lock().unwrap().iter().map(|note| note.2.clone()).collect()
    }
}

impl Service {
    pub(crate) fn letters(&self) -> String {
        format!("{}.{}.dlt", self.topic, self.group)
    }

    pub(crate) fn ledger(&self) -> String {
        format!("{}.{}.ledger", self.topic, self.group)
    }

    /// Writes events into a partition, each with its first letter after the dash as key: `bad-a1` has the key `a`.
    pub(crate) fn send(&self, partition: i32, values: &[&str]) {
        let record = |value: &&str| Outgoing {
            partition: Some(partition),
            key: value.split('-').nth(1).map(|name| name.as_bytes()[..1].to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: vec![("onceward-id".to_owned(), Some(format!("{partition}/{value}").into_bytes()))],
        };
        kafka::produce(&self.brokers, &self.topic, &values.iter().map(record).collect::<Vec<_>>());
    }

    fn client(&self) -> Vec<(String, String)> {
        vec![("bootstrap.servers".to_owned(), self.brokers.clone())]
    }

    /// Asks for the replay of letters that never failed one.
    pub(crate) fn replay(&self, partition: i32, offsets: &[i64]) {
        let letters: Vec<_> = offsets.iter().map(|offset| (partition, Offset(*offset), 0)).collect();
        let what = Ask { verb: Verb::Replay, force: false, rate: None, who: "test".to_owned() };
        ask(&self.client(), &self.ledger(), &letters, &what, Duration::from_secs(20)).unwrap();
    }

    /// How the letter of an event stands; `None`: it has none.
    pub(crate) fn state(&self, partition: i32, offset: i64) -> Option<LetterState> {
        let (client, topic) = (onceward::kafka::consumer_properties(&self.brokers, "onceward-tests", &[]), self.ledger());
        let scan = Scan { client: &client, topic: &topic, only: None, parts: None, timeout: Duration::from_secs(20) };
        let ledger = Ledger::read(&scan, |_| {}).unwrap()?;
        Some(ledger.fold(partition)?.letter_of(Offset(offset))?.record.state)
    }
}
