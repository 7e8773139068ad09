//! A consumer's life, as a host language sees it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use onceward::testing::{Rig, RigOptions};
use onceward::{Consumer, Control, Publish, Publisher, Summary};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::document::Document;
use crate::letters::Telling;
use crate::process::Home;
use crate::{Fault, Queue};

/// Threads of the runtime beneath a session. Handlers run in the host, so little is left to do here.
const WORKERS: usize = 2;

/// A consumer: opened from one document, started once.
#[derive(Debug)]
pub struct Session {
    home: Home,
    queues: Vec<Arc<Queue>>,
    control: Control,
    publisher: Publisher,
    life: Arc<Life>,
}

#[derive(Debug, Default)]
struct Life {
    stage: Mutex<Stage>,
    ended: Condvar,
}

#[derive(Debug, Default)]
enum Stage {
    Opened(Box<(Consumer, Telling)>),
    Running {
        stop: Option<oneshot::Sender<()>>,
        runtime: Handle,
    },
    Ended(Result<Summary, Fault>),
    #[default]
    Between,
}

impl Session {
    /// Reads and validates everything; nothing is started or connected.
    ///
    /// # Errors
    /// [`onceward::ErrorCode::Config`] with all problems at once.
    pub fn open(document: &str) -> Result<Self, Fault> {
        let (consumer, queues, telling) = Document::read(document)?.build()?;
        let (control, publisher) = (consumer.control(), consumer.publisher());
        let life = Arc::new(Life { stage: Mutex::new(Stage::Opened(Box::new((consumer, telling)))), ended: Condvar::new() });
        Ok(Self { home: Home::here(), queues, control, publisher, life })
    }

    /// Starts it on threads of its own. With `until_end` it ends when everything is read and handled.
    ///
    /// # Errors
    /// It was started before, or in a child of the process that opened it.
    pub fn start(&self, until_end: bool) -> Result<(), Fault> {
        self.home.check()?;
        let mut stage = self.life.stage();
        let (consumer, telling) = match std::mem::take(&mut *stage) {
            Stage::Opened(opened) => *opened,
            other => {
                *stage = other;
                return Err(Fault::closed("this consumer was started before; build a new one to run again"));
            }
        };
        let build =
            || tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).thread_name("onceward-tokio").enable_all().build();
        let runtime = build().map_err(|error| Fault::halted(format!("threads can't be started: {error}; raise the limit of threads")))?;
        let (stop, stopped) = oneshot::channel();
        *stage = Stage::Running { stop: Some(stop), runtime: runtime.handle().clone() };
        drop(stage);
        let (life, queues) = (Arc::clone(&self.life), self.queues.clone());
        let thread = std::thread::Builder::new().name("onceward-session".to_owned()).spawn(move || {
            let ending = Ending { life, queues };
            // A host that is gone without a word still stops the run.
            let shutdown = async move { stopped.await.unwrap_or_default() };
            let result =
                runtime.block_on(async { if until_end { consumer.run_until_end(shutdown).await } else { consumer.run(shutdown).await } });
            runtime.block_on(telling.over());
            runtime.shutdown_background();
            ending.with(result.map_err(Fault::from));
        });
        if let Err(error) = thread {
            return Err(Fault::halted(format!("a thread can't be started: {error}; raise the limit of threads")));
        }
        Ok(())
    }

    /// Runs it in a test, without a broker and in simulated time.
    ///
    /// # Errors
    /// As [`Session::start`], and what [`Rig::with`] says.
    pub fn rig(&self, options: RigOptions) -> Result<Rig, Fault> {
        self.home.check()?;
        let mut stage = self.life.stage();
        match std::mem::take(&mut *stage) {
            Stage::Opened(opened) => {
                drop(stage);
                let (consumer, telling) = *opened;
                telling.in_rig();
                Ok(Rig::with(consumer, options)?)
            }
            other => {
                *stage = other;
                Err(Fault::closed("this consumer was started before; build a new one for the rig"))
            }
        }
    }

    /// Asks it to drain and end. Asking twice, or before it runs, is fine: then it never starts.
    pub fn stop(&self) {
        if !self.home.is_here() {
            return;
        }
        let mut stage = self.life.stage();
        match &mut *stage {
            Stage::Running { stop, .. } => drop(stop.take()),
            Stage::Opened(_) => {
                *stage = Stage::Ended(Ok(Summary::default()));
                drop(stage);
                self.close();
            }
            Stage::Ended(_) | Stage::Between => {}
        }
    }

    /// Nothing is handed out any more, and whoever waits for work is told. For a rig's end: a run closes its queues itself.
    pub fn close(&self) {
        self.queues.iter().for_each(|queue| queue.close());
        self.life.ended.notify_all();
    }

    /// Waits for the end at most so long. `None`: it still runs.
    ///
    /// # Errors
    /// Why it ended, if not because it was asked to.
    pub fn wait(&self, at_most: Duration) -> Result<Option<Summary>, Fault> {
        self.home.check()?;
        let until = Instant::now() + at_most;
        let mut stage = self.life.stage();
        loop {
            if let Stage::Ended(result) = &*stage {
                return result.clone().map(Some);
            }
            let now = Instant::now();
            if now >= until {
                return Ok(None);
            }
            stage = self.life.ended.wait_timeout(stage, until - now).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The queue of a channel.
    #[must_use]
    pub fn queue(&self, channel: usize) -> Option<Arc<Queue>> {
        self.queues.get(channel).cloned()
    }

    /// Publishes from outside of handlers; waits until the event is durable. Its id.
    ///
    /// # Errors
    /// [`onceward::ErrorCode::Closed`] when it does not run, [`onceward::ErrorCode::Broker`] when the broker refuses the event.
    pub fn publish(&self, publish: Publish) -> Result<String, Fault> {
        let runtime = self.running()?;
        Ok(runtime.block_on(self.publisher.publish(publish))?)
    }

    /// As [`Session::publish`], for a host that has no thread to wait with: the answer comes on a thread of ours, also when the run ends
    /// before there is one.
    pub fn publish_then(&self, publish: Publish, answer: impl FnOnce(Result<String, Fault>) + Send + 'static) {
        let mut answer = Answer(Some(answer));
        match self.running() {
            Err(fault) => answer.give(Err(fault)),
            Ok(runtime) => {
                let publisher = self.publisher.clone();
                drop(runtime.spawn(async move {
                    let result = publisher.publish(publish).await;
                    answer.give(result.map_err(Fault::from));
                }));
            }
        }
    }

    fn running(&self) -> Result<Handle, Fault> {
        self.home.check()?;
        match &*self.life.stage() {
            Stage::Running { runtime, .. } => Ok(runtime.clone()),
            _ => Err(Fault::closed("this consumer does not run, so nothing can be published; call it while run() is under way")),
        }
    }

    /// Starts no handler of a topic any more, or starts them again.
    ///
    /// # Errors
    /// [`onceward::ErrorCode::Config`] when no handler subscribes to the topic.
    pub fn suspend(&self, topic: &str, paused: bool) -> Result<(), Fault> {
        self.home.check()?;
        Ok(if paused { self.control.pause(topic) } else { self.control.resume(topic) }?)
    }
}

impl Life {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever waits for it hears something, whatever becomes of the task that was to answer.
struct Answer<F: FnOnce(Result<String, Fault>)>(Option<F>);

impl<F: FnOnce(Result<String, Fault>)> Answer<F> {
    fn give(&mut self, result: Result<String, Fault>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }
}

impl<F: FnOnce(Result<String, Fault>)> Drop for Answer<F> {
    fn drop(&mut self) {
        self.give(Err(Fault::closed(
            "the run ended before the event was known to be durable; publish it again, with an id of its own, in the next one",
        )));
    }
}

/// However the session's thread ends, those who wait hear of it.
struct Ending {
    life: Arc<Life>,
    queues: Vec<Arc<Queue>>,
}

impl Ending {
    fn with(&self, result: Result<Summary, Fault>) {
        *self.life.stage() = Stage::Ended(result);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut stage = self.life.stage();
        if !matches!(&*stage, Stage::Ended(_)) {
            *stage = Stage::Ended(Err(Fault::halted(
                "the session's thread ended without a result, which is a bug of Onceward: please report it",
            )));
        }
        drop(stage);
        self.queues.iter().for_each(|queue| queue.close());
        self.life.ended.notify_all();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.home.is_here() {
            self.stop();
        }
    }
}
