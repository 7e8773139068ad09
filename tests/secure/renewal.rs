//! Tokens that live for seconds, at a broker that ends the session of whoever does not come with a new one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use onceward::{Error, Event, Failure, Metrics, Summary};
use onceward_tests::kafka::{self, Outgoing};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::cluster::Service;
use crate::logs;
use crate::token::{self, Endpoint};

/// The broker ends a session with its token (`connections.max.reauth.ms`). New ones are asked for after four fifths of it.
const LIFE: Duration = Duration::from_secs(8);

/// A consumer that runs.
struct Running {
    service: Service,
    endpoint: Endpoint,
    metrics: Arc<Metrics>,
    end: Arc<Notify>,
    runtime: Runtime,
    run: JoinHandle<Result<Summary, Error>>,
}

impl Running {
    /// It has handled an event.
    fn start(name: &str) -> Self {
        let service = Service::new(name);
        service.grant("User:erin", &[]);
        let endpoint = token::lasting("erin", LIFE);
        let app = service.oidc(endpoint.url()).build().unwrap().on(service.topic.clone(), |event: Event| async move {
            if event.value() == Some(b"poison") { Err(Failure::reject("as asked")) } else { Ok(()) }
        });
        let (metrics, end) = (app.metrics(), Arc::new(Notify::new()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let over = Arc::clone(&end);
        let run = runtime.spawn(app.run(async move { over.notified().await }));
        let running = Self { service, endpoint, metrics, end, runtime, run };
        running.send(&["a"]);
        running.handled(1, 0);
        running
    }

    fn send(&self, values: &[&str]) {
        let records: Vec<_> = values.iter().map(|value| Outgoing { value: Some((*value).into()), ..Outgoing::default() }).collect();
        kafka::produce(&self.service.cluster.open, &self.service.topic, &records);
    }

    /// Waits. Nothing that is done to it may end it.
    fn until(&self, what: &str, so: impl Fn() -> bool) {
        kafka::until(what, || {
            std::thread::sleep(Duration::from_millis(20));
            let said = || logs::all().lines().filter(|line| line.contains("onceward:")).collect::<Vec<_>>().join("\n");
            assert!(!self.run.is_finished(), "it ended by itself:\n{}", said());
            so().then_some(())
        });
    }

    fn handled(&self, events: u64, letters: u64) {
        self.until("events are handled", || {
            let summary = self.metrics.summary();
            (summary.handled, summary.dead_letters) == (events, letters)
        });
    }

    /// What it can do at its end is done: offsets are committed, letters are written.
    fn finish(self) {
        self.send(&["poison", "b"]);
        self.handled(2, 1);
        self.end.notify_one();
        let summary = self.runtime.block_on(self.run).unwrap().unwrap();
        assert_eq!((summary.handled, summary.dead_letters, summary.abandoned), (2, 1, 0));
        let (open, service) = (&self.service.cluster.open, &self.service);
        assert_eq!(kafka::committed(open, &service.group, &service.topic).get(&0), Some(&3), "the last commit was let in, too");
        assert_eq!(kafka::read_all(open, &service.letters()).len(), 1);
    }
}

#[test]
fn a_consumer_outlives_its_tokens() {
    let running = Running::start("renewal");
    // By then each client keeps its session with a token of the third generation, or has none.
    let latest = || *running.endpoint.given.lock().unwrap().last().unwrap();
    let first = latest();
    running.until("two renewals", || latest().duration_since(first) > 2 * LIFE);
    running.finish();
}

#[test]
fn an_endpoint_that_is_away_for_longer_than_a_token_lives_is_waited_for() {
    let running = Running::start("renewal-away");
    running.endpoint.away.store(true, Ordering::SeqCst);
    let down = || running.metrics.prometheus().contains("onceward_paused{reason=\"brokers\"} 1\n");
    running.until("no broker lets it in", down);
    running.endpoint.away.store(false, Ordering::SeqCst);
    running.until("it is let in again", || !down());
    running.finish();
}
