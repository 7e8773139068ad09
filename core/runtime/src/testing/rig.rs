//! The face of a rig: calls that block until they are answered, from any thread.

use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::capture::Capture;
use super::found::{DeadLetter, Happened, HeaderList, HeldKey, LogLine, Position, Published, Table};
use super::options::{RigOptions, SendOptions};
use super::outside;
use super::stage::Stage;
use super::step::Step;
use super::trial::Trial;
use super::world::World;
use crate::config::nearest;
use crate::consumer::Consumer;
use crate::driver::Summary;
use crate::event::FromRow;
use crate::kafka::IdentitySource;
use crate::ledger::{Filter, Verb};
use crate::wire;
use crate::{Error, inbox};

/// What the rig's thread is asked to do.
type Call = Box<dyn FnOnce(&mut Stage) + Send>;

/// A consumer without a broker, in simulated time. See the [module](super).
///
/// Calls block until they are answered. They may come from any thread, from async code too: handlers run on a thread of the rig's own.
pub struct Rig {
    world: World,
    calls: Option<Sender<Call>>,
    thread: Option<JoinHandle<()>>,
    /// Hangs up when the thread has cleaned up.
    over: Receiver<()>,
    patience: Duration,
}

impl Rig {
    /// Starts a consumer in a rig. Brokers are not contacted; the SQLite file of its configuration is not touched.
    ///
    /// # Errors
    /// What would keep the consumer from starting: its configuration, `setup_sql`, `migrations`.
    pub fn new(app: Consumer) -> Result<Self, Error> {
        Self::with(app, RigOptions::default())
    }

    /// As [`Rig::new`], with options.
    ///
    /// # Errors
    /// As [`Rig::new`].
    pub fn with(app: Consumer, options: RigOptions) -> Result<Self, Error> {
        Self::open(app, options, None)
    }

    /// A rig for a dry run: in real time, with a copy of the inbox's file, and log lines go where the process writes them.
    pub(crate) fn trial(app: Consumer, options: RigOptions, trial: Trial) -> Result<Self, Error> {
        Self::open(app, options, Some(trial))
    }

    fn open(app: Consumer, options: RigOptions, trial: Option<Trial>) -> Result<Self, Error> {
        let world = World::new(&options);
        let (calls, queue) = unbounded::<Call>();
        let (started, start) = bounded(1);
        let (lives, over) = bounded::<()>(0);
        let (theirs, patience) = (world.clone(), options.patience);
        let thread = std::thread::Builder::new().name("onceward-rig".to_owned()).spawn(move || {
            let _lives = lives;
            outside::enter();
            let captured = trial.is_none().then(|| tracing::Dispatch::new(Capture::new(theirs.clone())));
            let _lines = captured.map(|lines| tracing::dispatcher::set_default(&lines));
            let mut stage = match Stage::new(app, &options, theirs, trial.as_ref()) {
                Ok(stage) => stage,
                Err(error) => return started.send(Err(error)).unwrap_or_default(),
            };
            started.send(Ok(())).unwrap_or_default();
            for call in &queue {
                call(&mut stage);
            }
        });
        let thread =
            thread.map_err(|error| Error::Halted(format!("the rig's thread can't be started: {error}; raise the limit of threads")))?;
        let rig = Self { world, calls: Some(calls), thread: Some(thread), over, patience };
        rig.wait(&start)??;
        Ok(rig)
    }

    /// Puts a record into a subscribed topic; answers where it went.
    ///
    /// # Errors
    /// [`Error::Topics`]: no handler subscribes to the topic, it has no such partition, or an id can't be written where the topic's
    /// `event_id` looks for it.
    pub fn send(&self, topic: &str, record: SendOptions) -> Result<Position, Error> {
        let topic = topic.to_owned();
        self.call(move |stage| stage.send(&topic, record))?
    }

    /// Runs until nothing is left to do. Waits between attempts are jumped over, so hours pass in milliseconds.
    ///
    /// # Errors
    /// What ends a real run (the consumer has to be started again, see [`Rig::crash`]); [`Error::Halted`] when there is always something
    /// left to do, or when a handler blocks for longer than [`RigOptions::patience`].
    pub fn run(&self) -> Result<(), Error> {
        self.call(Stage::run)?
    }

    /// Takes one step: one hand-over between loop, handlers, inbox and Kafka. `false`: nothing is left to do. A test that takes so many
    /// steps and then crashes, for each number of steps, has tried every moment at which a process can die.
    ///
    /// # Errors
    /// As [`Rig::run`].
    pub fn step(&self) -> Result<bool, Error> {
        self.call(|stage| stage.step(u64::MAX >> 1).map(|step| step == Step::Moved))?
    }

    /// Lets time pass, and everything that happens meanwhile.
    ///
    /// # Errors
    /// As [`Rig::run`].
    pub fn advance(&self, by: Duration) -> Result<(), Error> {
        self.call(move |stage| stage.advance(by))?
    }

    /// Simulated time since the rig began.
    #[must_use]
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.world.now())
    }

    /// The process dies and is started again: handlers that run are cut off, what was not committed to the inbox is forgotten, reading
    /// goes on at the committed offsets. The inbox's file stays; the memory inbox is gone.
    ///
    /// # Errors
    /// As [`Rig::new`].
    pub fn crash(&self) -> Result<(), Error> {
        self.call(|stage| {
            stage.world.note("crash");
            stage.die();
            stage.start()
        })?
    }

    /// The group takes a partition from this member, which finishes what runs and commits when it is [run](Rig::run). It stays away until
    /// [`Rig::assign`], after a crash too.
    ///
    /// # Errors
    /// [`Error::Topics`]: there is no such partition.
    pub fn revoke(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let topic = topic.to_owned();
        self.call(move |stage| {
            let (world, known) = (stage.world.clone(), stage.life()?.feed.clone());
            known.revoke(&topic, partition, &world).then_some(()).ok_or_else(|| no_partition(&topic, partition))
        })?
    }

    /// The partition is another member's before this one knew: nothing can be finished or committed any more.
    ///
    /// # Errors
    /// As [`Rig::revoke`].
    pub fn lose(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let topic = topic.to_owned();
        self.call(move |stage| {
            let (world, known) = (stage.world.clone(), stage.life()?.feed.clone());
            known.lose(&topic, partition, &world).then_some(()).ok_or_else(|| no_partition(&topic, partition))
        })?
    }

    /// The group gives a partition back to this member.
    ///
    /// # Errors
    /// As [`Rig::revoke`].
    pub fn assign(&self, topic: &str, partition: i32) -> Result<(), Error> {
        let topic = topic.to_owned();
        self.call(move |stage| {
            let (world, known) = (stage.world.clone(), stage.life()?.feed.clone());
            known.assign(&topic, partition, &world).then_some(()).ok_or_else(|| no_partition(&topic, partition))
        })?
    }

    /// The inbox fails to write so many times, as if its disk were full; it tries again after 100 ms, 200 ms, up to 5 s.
    ///
    /// # Errors
    /// [`Error::Closed`] after the rig's thread has ended.
    pub fn fail_store(&self, times: u32) -> Result<(), Error> {
        self.call(move |stage| *stage.store_failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = times)
    }

    /// The broker refuses so many writes of dead letters, of their states and of publishes for a passing reason; they are tried again after 100 ms, 200 ms, up
    /// to 10 s.
    ///
    /// # Errors
    /// As [`Rig::fail_store`].
    pub fn fail_produce(&self, times: u32) -> Result<(), Error> {
        self.call(move |stage| stage.desk.fail(times))
    }

    /// Ids of the events handled and marked, in the order of their marks. An event without an id has its coordinates.
    #[must_use]
    pub fn handled(&self) -> Vec<String> {
        self.world.lock().handled.clone()
    }

    /// How often handlers were called for the event of this id, calls that still run included.
    #[must_use]
    pub fn attempts(&self, id: &str) -> u32 {
        self.world.attempts(id)
    }

    /// Asks that every open letter is handled again, as `onceward dlt replay --yes` does; [`Rig::run`] carries it out. Answers how many letters
    /// that are: held ones run by themselves when they are the first of their key, and those of which `max_replays` replays failed are left out.
    ///
    /// # Errors
    /// [`Error::Topics`] with `dead_letter.replay = false`; [`Error::Closed`] after the consumer has ended with an error.
    pub fn replay(&self) -> Result<usize, Error> {
        self.replay_where(Filter::default())
    }

    /// As [`Rig::replay`], for some letters.
    ///
    /// # Errors
    /// As [`Rig::replay`].
    pub fn replay_where(&self, which: Filter) -> Result<usize, Error> {
        self.call(move |stage| stage.ask(Verb::Replay, &which))?
    }

    /// Asks that every letter that is open or held is settled unhandled, as `onceward dlt discard --yes` does; [`Rig::run`] carries it out.
    ///
    /// # Errors
    /// As [`Rig::replay`].
    pub fn discard(&self) -> Result<usize, Error> {
        self.discard_where(Filter::default())
    }

    /// As [`Rig::discard`], for some letters.
    ///
    /// # Errors
    /// As [`Rig::replay`].
    pub fn discard_where(&self, which: Filter) -> Result<usize, Error> {
        self.call(move |stage| stage.ask(Verb::Discard, &which))?
    }

    /// Keys whose later events wait behind a letter, with `after_dead_letter = "hold"`: by topic, partition and letter.
    #[must_use]
    pub fn held(&self) -> Vec<HeldKey> {
        self.world.held()
    }

    /// The dead letters in the order in which they were written, each as it stands.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.world.dead_letters()
    }

    /// What was published, by handlers and from outside of them, in the order of arrival.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        let state = self.world.lock();
        let one = |position: &Position| {
            let stored = state.log.at(position)?;
            let headers = HeaderList(stored.headers.clone());
            let id = headers.text(wire::ID).unwrap_or_default().to_owned();
            Some(Published { position: position.clone(), id, key: stored.key.clone(), value: stored.value.clone(), headers })
        };
        state.published.iter().filter_map(one).collect()
    }

    /// The offset that the group has committed for a partition.
    #[must_use]
    pub fn committed(&self, topic: &str, partition: i32) -> Option<i64> {
        self.world.lock().committed.get(&(topic.into(), partition)).copied()
    }

    /// Rows of your tables in the inbox's file.
    ///
    /// # Errors
    /// [`Error::Inbox`]: SQLite refuses the query, it would write, a row is not what `T` expects, or the inbox has no tables.
    pub fn sql<T: FromRow>(&self, query: &str) -> Result<Vec<T>, Error> {
        self.table(query)?.rows.into_iter().map(|row| T::from_row(row).map_err(|error| refused(error.to_string()))).collect()
    }

    /// As [`Rig::sql`], as it lies in the file.
    ///
    /// # Errors
    /// As [`Rig::sql`].
    pub fn table(&self, query: &str) -> Result<Table, Error> {
        let query = query.to_owned();
        self.call(move |stage| {
            let queries = stage.life()?.queries.clone();
            let queries = queries.ok_or_else(|| refused("the memory inbox has no tables; configure inbox = \"sqlite:FILE\"".to_owned()))?;
            Ok(Table { rows: queries.run(&query, &[]).map_err(refused)? })
        })?
    }

    /// Log lines of the loop and of handlers, level INFO and above, each with the fields of its event.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.world.lock().lines.clone()
    }

    /// Everything that happened, with its simulated time. The same seed and the same calls give the same history.
    #[must_use]
    pub fn history(&self) -> Vec<Happened> {
        self.world.lock().history.clone()
    }

    /// Counters over all lives of the process: handled, copies dropped, failed attempts, dead letters.
    ///
    /// # Errors
    /// [`Error::Closed`] after the consumer has ended with an error.
    pub fn summary(&self) -> Result<Summary, Error> {
        self.call(|stage| {
            let life = stage.life()?;
            let mut summary = life.driver.metrics.summary();
            summary.halted = life.driver.engine.snapshot().halted;
            Ok(summary)
        })?
    }

    /// Whether a handler is for this topic.
    pub(crate) fn subscribes(&self, topic: &str) -> Result<bool, Error> {
        let topic = topic.to_owned();
        self.call(move |stage| stage.called(&topic).map(|called| called.is_some()))?
    }

    pub(crate) fn group(&self) -> Result<String, Error> {
        self.call(|stage| stage.settings.group.clone())
    }

    fn call<R: Send + 'static>(&self, act: impl FnOnce(&mut Stage) -> R + Send + 'static) -> Result<R, Error> {
        let (answer, answered) = bounded(1);
        let call: Call = Box::new(move |stage| answer.send(act(stage)).unwrap_or_default());
        self.calls.as_ref().and_then(|calls| calls.send(call).ok()).ok_or(Error::Closed)?;
        self.wait(&answered)
    }

    fn wait<R>(&self, answered: &Receiver<R>) -> Result<R, Error> {
        answered.recv_timeout(self.patience).map_err(|error| match error {
            RecvTimeoutError::Disconnected => Error::Closed,
            RecvTimeoutError::Timeout => Error::Halted(format!(
                "the rig has not answered for {} s of real time: a handler blocks its thread, or waits for something that does not come. \
                 Await it, move what blocks to tokio::task::spawn_blocking, or raise RigOptions::patience",
                self.patience.as_secs()
            )),
        })
    }
}

impl Stage {
    fn send(&mut self, topic: &str, record: SendOptions) -> Result<Position, Error> {
        let refuse = |why: String| Err(Error::Topics(format!("a record for topic {topic}: {why}")));
        let Some(called) = self.called(topic)? else {
            let hint =
                nearest(topic, self.topics.iter().map(String::as_str)).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            return refuse(format!("no handler subscribes to this topic{hint}"));
        };
        let SendOptions { key, value, mut headers, id, timestamp, partition, refused } = record;
        if let Some(why) = refused {
            return refuse(why);
        }
        if let Some(id) = id {
            let header = match &self.settings.rules(&called).identity {
                IdentitySource::Automatic => wire::ID,
                IdentitySource::Header(name) => name,
                IdentitySource::Json(pointer) => return refuse(format!("its id is read from the value at {pointer}: write it there")),
                IdentitySource::Coordinates => {
                    return refuse("event_id = \"coordinates\": its id is its place, and can't be chosen".to_owned());
                }
            };
            headers.push((header.as_bytes().to_vec(), Some(id.into_bytes())));
        }
        let put = self.world.append(topic, partition, (key, value), headers, timestamp);
        let position = put.ok_or_else(|| no_partition(topic, partition.unwrap_or(-1)))?;
        self.world.note(format!("sent to {}/{}/{}", position.topic, position.partition, position.offset));
        Ok(position)
    }
}

fn no_partition(topic: &str, partition: i32) -> Error {
    Error::Topics(format!("{topic}/{partition}: there is no such partition in this rig; RigOptions::partitions says how many a topic has"))
}

fn refused(detail: String) -> Error {
    inbox::InboxError::Store { path: "the rig's inbox".to_owned(), detail }.into()
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.calls = None;
        let Some(thread) = self.thread.take() else { return };
        // A handler that blocks for ever keeps its thread, and the test need not wait for it.
        let over = matches!(self.over.recv_timeout(Duration::from_secs(5)), Err(RecvTimeoutError::Disconnected));
        if over && thread.join().is_err() {
            tracing::error!(target: "onceward", "the rig's thread panicked, which is a bug of Onceward: please report it");
        }
    }
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Rig").field("now", &self.now()).finish_non_exhaustive()
    }
}
