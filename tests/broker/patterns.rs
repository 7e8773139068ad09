//! Topics that a pattern leads to: made while the consumer runs, without companions, letters among them, gone again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use onceward::{AutoOffsetReset, Builder, Consumer, Error, ErrorCode, Event, Failure, Metrics, Summary};
use onceward_tests::kafka::{self, Outgoing};
use tokio::sync::oneshot;

use crate::service::{logs, runtime};

/// Topic and value of what handlers were given.
type Notes = Arc<Mutex<BTreeSet<(String, String)>>>;

/// A family of topics with names of its own, and a group over it.
struct Family {
    brokers: String,
    name: String,
    group: String,
    notes: Notes,
}

/// A consumer that runs until it is stopped.
struct Running {
    metrics: Arc<Metrics>,
    stop: oneshot::Sender<()>,
    runtime: tokio::runtime::Runtime,
    task: tokio::task::JoinHandle<Result<Summary, Error>>,
}

impl Family {
    fn new(name: &str) -> Self {
        logs();
        let (name, group) = (kafka::unique(name), kafka::unique(name));
        Self { brokers: kafka::brokers(), name, group, notes: Notes::default() }
    }

    fn topic(&self, member: &str) -> String {
        format!("{}.{member}", self.name)
    }

    fn letters(&self, member: &str) -> String {
        format!("{}.{}.dlt", self.topic(member), self.group)
    }

    /// Every topic of the family.
    fn pattern(&self) -> String {
        format!("^{}\\..*", self.name)
    }

    /// Begins at the end of what was there before it.
    fn builder(&self) -> Builder {
        let builder = Consumer::builder().brokers(self.brokers.clone()).group(self.group.clone()).inbox("memory");
        let builder = builder.auto_offset_reset(AutoOffsetReset::Latest).create_topics(true);
        builder.kafka("topic.metadata.refresh.interval.ms", "1000").kafka("session.timeout.ms", "6000")
    }

    fn create(&self, member: &str, partitions: i32) {
        kafka::create(&self.brokers, &self.topic(member), partitions, &[]);
    }

    fn create_letters(&self, member: &str, partitions: i32) {
        let settings = [("max.message.bytes", "2000000"), ("retention.ms", "2592000000")];
        kafka::create(&self.brokers, &self.letters(member), partitions, &settings);
    }

    fn send(&self, member: &str, values: &[&str]) {
        let record =
            |value: &&str| Outgoing { key: Some(value.as_bytes().to_vec()), value: Some(value.as_bytes().to_vec()), ..Outgoing::default() };
        kafka::produce(&self.brokers, &self.topic(member), &values.iter().map(record).collect::<Vec<_>>());
    }

    /// Notes what it is given, under a name of its own; `bad` is refused.
    fn handler(&self, by: &'static str) -> impl Fn(Event) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
        let notes = Arc::clone(&self.notes);
        move |event| {
            let value = String::from_utf8_lossy(event.value().unwrap_or_default()).into_owned();
            if value == "bad" {
                return std::future::ready(Err(Failure::reject("bad")));
            }
            notes.lock().unwrap().insert((format!("{by}{}", event.topic()), value));
            std::future::ready(Ok(()))
        }
    }

    fn has(&self, member: &str, values: &[&str]) -> bool {
        let notes = self.notes.lock().unwrap();
        values.iter().all(|value| notes.contains(&(self.topic(member), (*value).to_owned())))
    }

    /// A topic that was there before is consumed from its end: how long that takes nobody knows.
    fn until_read(&self, member: &str) {
        kafka::until("the first topic is read", || {
            self.send(member, &["hello"]);
            self.has(member, &["hello"]).then_some(())
        });
    }

    fn topics_of_notes(&self) -> BTreeSet<String> {
        self.notes.lock().unwrap().iter().map(|(topic, _)| topic.clone()).collect()
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            kafka::delete_all(&self.brokers, &self.name);
        }
    }
}

impl Running {
    fn start(app: Consumer) -> Self {
        let (runtime, metrics) = (runtime(), app.metrics());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(app.run(async move { drop(stopped.await) }));
        Self { metrics, stop, runtime, task }
    }

    fn shows(&self, line: &str) -> bool {
        self.metrics.prometheus().lines().any(|found| found == line)
    }

    fn end(self) -> Summary {
        drop(self.stop);
        self.runtime.block_on(self.task).unwrap().unwrap()
    }
}

#[test]
fn a_topic_that_is_made_under_way_is_read_from_its_beginning_and_letters_never_are() {
    let family = Family::new("family");
    let stranger = kafka::unique("stranger");
    kafka::create(&family.brokers, &stranger, 1, &[]);
    family.create("old", 1);
    family.send("old", &["before"]);
    let running = Running::start(family.builder().build().unwrap().on(family.pattern(), family.handler("")));
    family.until_read("old");

    // Written before the consumer knows of it: to begin at the end would skip it all.
    family.create("new", 3);
    family.send("new", &["a", "b", "bad", "c", "d", "e"]);
    let letter = ("onceward-letter-id".to_owned(), Some(b"of somebody".to_vec()));
    let strayed = Outgoing { value: Some(b"strayed".to_vec()), headers: vec![letter], ..Outgoing::default() };
    kafka::produce(&family.brokers, &family.topic("new"), &[strayed]);
    family.send("old", &["bad"]);
    kafka::until("the new topic is handled", || family.has("new", &["a", "b", "c", "d", "e"]).then_some(()));
    kafka::until("what was sent as a letter is passed over", || running.shows("onceward_events_ignored_total 1").then_some(()));
    for member in ["old", "new"] {
        kafka::until("its letters are where they belong", || {
            (kafka::read_all(&family.brokers, &family.letters(member)).len() == 1).then_some(())
        });
    }
    // Two more looks at least: the letters' topics match the pattern, and are seen by now.
    family.create("later", 1);
    family.send("later", &["f"]);
    kafka::until("a third topic is handled", || family.has("later", &["f"]).then_some(()));
    assert!(running.shows("onceward_topics_left_out 0"));
    kafka::until("there is one line for each topic, and none for the pattern", || {
        (running.metrics.prometheus().matches("onceward_records_consumed_total{").count() == 3).then_some(())
    });
    let summary = running.end();
    assert_eq!((summary.dead_letters, summary.ignored), (2, 1));
    assert_eq!(family.topics_of_notes(), ["old", "new", "later"].map(|member| family.topic(member)).into());
    assert!(!family.has("old", &["before"]), "`latest` holds for what was there");
    assert_eq!(kafka::committed(&family.brokers, &family.group, &stranger), [].into());
    kafka::delete(&family.brokers, &stranger);
}

#[test]
fn a_topic_without_companions_is_left_out_and_joins_when_they_are_there() {
    let family = Family::new("waiting");
    // One that is there at the start, and one that comes later.
    family.create("early", 1);
    // One companion is enough to wait for: the ledger would be another of the same kind.
    let builder = family.builder().create_topics(false);
    let app = builder.configure(|config| config.dead_letter.get_or_insert_default().replay = Some(false)).build().unwrap();
    let running = Running::start(app.on(family.pattern(), family.handler("")));
    kafka::until("it is reported", || running.shows("onceward_topics_left_out 1").then_some(()));
    family.create_letters("early", 1);
    family.until_read("early");
    kafka::until("nothing is left out", || running.shows("onceward_topics_left_out 0").then_some(()));

    family.create("late", 2);
    family.send("late", &["a", "b", "bad"]);
    kafka::until("it is reported", || running.shows("onceward_topics_left_out 1").then_some(()));
    family.send("early", &["goes on"]);
    kafka::until("the other one goes on", || family.has("early", &["goes on"]).then_some(()));
    assert!(!family.topics_of_notes().contains(&family.topic("late")));
    family.create_letters("late", 1);
    family.send("early", &["still"]);
    kafka::until("the other one goes on", || family.has("early", &["still"]).then_some(()));
    assert!(running.shows("onceward_topics_left_out 1"), "too few partitions are no companions");
    kafka::grow(&family.brokers, &family.letters("late"), 2);
    kafka::until("it is handled from its beginning", || family.has("late", &["a", "b"]).then_some(()));
    kafka::until("its letter has a place", || (kafka::read_all(&family.brokers, &family.letters("late")).len() == 1).then_some(()));
    assert!(running.shows("onceward_topics_left_out 0"));
    running.end();
}

#[test]
fn a_named_topic_is_its_own_and_two_patterns_never_share_one() {
    let family = Family::new("contest");
    family.create("both", 1);
    let two = |family: &Family| {
        let (narrow, wide) = (format!("^{}\\.b.*", family.name), family.pattern());
        family.builder().build().unwrap().on(narrow, family.handler("narrow ")).on(wide, family.handler("wide "))
    };
    let error = runtime().block_on(two(&family).run(std::future::pending())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Config);
    let text = error.to_string();
    assert!(
        text.contains(&family.topic("both")) && text.contains("only one can be for it") && text.contains(&format!("\"^{}", family.name)),
        "{text}"
    );

    // With a handler of its own the topic is nobody else's.
    let running = Running::start(two(&family).on(family.topic("both"), family.handler("")));
    family.until_read("both");
    family.create("b2", 1);
    kafka::until("under way such a topic is left out", || running.shows("onceward_topics_left_out 1").then_some(()));
    family.create("other", 1);
    family.send("other", &["x"]);
    kafka::until("the others go on", || {
        family.notes.lock().unwrap().contains(&(format!("wide {}", family.topic("other")), "x".to_owned())).then_some(())
    });
    running.end();
    assert_eq!(family.topics_of_notes(), [family.topic("both"), format!("wide {}", family.topic("other"))].into());
}

#[test]
fn a_pattern_that_matches_nothing_waits_and_a_topic_that_goes_takes_nobody_along() {
    let family = Family::new("come-and-go");
    let nothing = family.builder().build().unwrap().on(family.pattern(), family.handler(""));
    let summary = runtime().block_on(nothing.run_until_end(std::future::pending())).unwrap();
    assert_eq!(summary, Summary::default(), "there is nothing to read, and that is the end");

    // Whether the first look sees the first topic is a matter of luck.
    let builder = family.builder().auto_offset_reset(AutoOffsetReset::Earliest);
    let running = Running::start(builder.build().unwrap().on(family.pattern(), family.handler("")));
    family.create("one", 1);
    family.create("two", 1);
    family.send("one", &["a"]);
    family.send("two", &["b"]);
    kafka::until("both are handled", || (family.has("one", &["a"]) && family.has("two", &["b"])).then_some(()));
    kafka::until("all is committed", || {
        (kafka::committed(&family.brokers, &family.group, &family.topic("one")) == [(0, 1)].into()).then_some(())
    });
    kafka::delete(&family.brokers, &family.topic("one"));
    family.send("two", &["c"]);
    kafka::until("the other one goes on", || family.has("two", &["c"]).then_some(()));
    family.create("three", 1);
    family.send("three", &["d"]);
    kafka::until("and so does the looking", || family.has("three", &["d"]).then_some(()));
    running.end();

    // A run until the end reads what is there, and refuses what it could not read to its end.
    family.create("four", 1);
    let strict = family.builder().create_topics(false).build().unwrap().on(family.pattern(), family.handler(""));
    let error = runtime().block_on(strict.run_until_end(std::future::pending())).unwrap_err();
    assert!(error.code() == ErrorCode::Topics && error.to_string().contains(&family.letters("four")), "{error}");
}
