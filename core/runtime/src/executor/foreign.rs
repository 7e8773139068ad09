//! Hands runs to whoever executes handlers outside of Rust, and takes the outcomes back.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tracing::Instrument;

use super::{Completion, Executor, Runner, let_go, span};
use crate::event::{Chunk, Event, Failure};
use crate::journal::{Running, Seat};
use crate::telemetry::Attempt;
use crate::testing::Presence;

/// How long an outcome may be kept back while others of its chunk still run.
const LATEST: Duration = Duration::from_micros(200);

/// How often outcomes are looked for that wait for a handler which blocks.
const TICK: Duration = Duration::from_millis(5);

/// Whoever executes handlers in another language.
pub trait Taker: Send + Sync + 'static {
    /// Takes runs. Called on the loop's thread: it must return at once, and may drop what it does not want: that was not started then.
    fn take(&self, runs: Runs);
}

impl<F: Fn(Runs) + Send + Sync + 'static> Taker for F {
    fn take(&self, runs: Runs) {
        self(runs);
    }
}

/// A handler in another language, with everything that its events need.
pub(crate) struct Foreign {
    executor: Executor<Box<dyn Taker>>,
    /// What may hold outcomes that nobody has reported.
    open: Mutex<Vec<Weak<Shared>>>,
}

/// Runs that the loop handed over together; those of different lanes may be handled side by side.
pub struct Runs {
    shared: Arc<Shared>,
    next: usize,
}

/// Consecutive events of one lane: handled in order, up to the first that is not done.
///
/// Dropped before its end, what was not begun was not started, and the event in hand keeps its attempt.
pub struct Run {
    shared: Arc<Shared>,
    number: u64,
    at: usize,
    end: usize,
    /// The event in hand is the one before `at`.
    open: bool,
    stopped: bool,
    traced: Option<Attempt>,
    seat: Option<Seat>,
}

/// What the runs of a chunk have in common.
struct Shared {
    foreign: Arc<Foreign>,
    chunk: Arc<Chunk>,
    first_run: u64,
    /// Runs that have not ended.
    left: AtomicUsize,
    began: Instant,
    /// When outcomes were last reported, in microseconds since then.
    told: AtomicU64,
    /// In a test's rig: the simulated clock stands still while the other language works.
    presence: Option<Presence>,
}

impl Foreign {
    pub(crate) fn new(executor: Executor<Box<dyn Taker>>) -> Arc<Self> {
        let foreign = Arc::new(Self { executor, open: Mutex::default() });
        // In a rig each outcome is reported at once: a timer would keep its clock from standing still.
        if !Presence::on_stage() {
            drop(foreign.executor.runtime.spawn(tick(Arc::downgrade(&foreign))));
        }
        foreign
    }

    fn report(&self, chunk: &Chunk) {
        chunk.report_ended(|ended| (self.executor.done)(ended));
    }
}

/// A handler that blocks must not keep what ended before it. Ends with the consumer.
async fn tick(foreign: Weak<Foreign>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(foreign) = foreign.upgrade() else { return };
        let open: Vec<_> = {
            let mut open = foreign.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.retain(|shared| shared.strong_count() > 0);
            open.iter().filter_map(Weak::upgrade).collect()
        };
        open.iter().for_each(|shared| foreign.report(&shared.chunk));
    }
}

impl Runner for Foreign {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        let left = AtomicUsize::new(chunk.ends.len());
        let presence = Presence::enter(&self.executor.runtime);
        let (foreign, began, told) = (Arc::clone(&self), Instant::now(), AtomicU64::new(0));
        let shared = Arc::new(Shared { foreign, chunk, first_run, left, began, told, presence });
        if shared.chunk.ends.len() > 1 && shared.presence.is_none() {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&shared));
        }
        self.executor.handler.take(Runs { shared, next: 0 });
    }

    fn tell(&self, chunk: &Chunk) {
        self.report(chunk);
    }
}

impl Runs {
    /// How many runs were not taken out yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.chunk.ends.len().saturating_sub(self.next)
    }

    /// Whether all runs were taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next run out.
    pub fn next_run(&mut self) -> Option<Run> {
        let ends = &self.shared.chunk.ends;
        let end = *ends.get(self.next)? as usize;
        let at = if self.next == 0 { 0 } else { ends[self.next - 1] as usize };
        let number = self.shared.first_run + self.next as u64;
        self.next += 1;
        Some(Run { shared: Arc::clone(&self.shared), number, at, end, open: false, stopped: false, traced: None, seat: None })
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        while let Some(mut run) = self.next_run() {
            run.stopped = true;
        }
    }
}

impl Run {
    /// Events of this run that were not begun yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.at
    }

    /// Whether every event was begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events that were not begun yet, to be read and nothing else: for a host that copies a run at once. They are begun in this order,
    /// as far as it goes.
    pub fn ahead(&self) -> impl ExactSizeIterator<Item = Event> {
        (self.at..self.end).map(|index| Event::new(Arc::clone(&self.shared.chunk), index))
    }

    /// Begins with the next event: from now on it is in the caller's hands. `None`: the run is over, or must not go on, because an event
    /// failed, the partition is being given back, or the loop has taken the rest back.
    pub fn next_event(&mut self) -> Option<Event> {
        if self.open {
            self.end(Err(Failure::stop("a binding began with an event before it had ended the one before: please report it")));
        }
        let shared = &self.shared;
        let (chunk, executor) = (&shared.chunk, &shared.foreign.executor);
        while self.at < self.end {
            let index = self.at;
            self.at += 1;
            let item = &chunk.items[index];
            if item.progress.is_taken_back() {
                self.stopped = true;
                continue;
            }
            self.stopped |= !chunk.place(item).may_start() || item.waits();
            // Whoever took it back at this very moment has answered for it.
            if !item.progress.begin() {
                self.stopped = true;
                continue;
            }
            if self.stopped {
                chunk.ended(Completion::not_started(chunk, index, self.number));
                continue;
            }
            if self.seat.is_none() {
                self.seat = executor.running.as_ref().and_then(Running::seat);
            }
            if let Some(seat) = &self.seat {
                seat.begin(chunk.name(item), chunk.alone);
            }
            let event = Event::new(Arc::clone(chunk), index);
            self.traced = executor.publisher.tracer().attempt(&event);
            self.open = true;
            if let Some(failure) = item.undecoded() {
                // Nobody's handler sees it, and what stands behind it waits, as behind any failure.
                self.end(Err(failure));
                return self.next_event();
            }
            return Some(event);
        }
        None
    }

    /// Says how the event in hand ended. Behind a failure nothing of this run is started.
    pub fn end(&mut self, result: Result<(), Failure>) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        // Only a failure writes a line that a rig reads.
        let lines = self.shared.presence.as_ref().filter(|_| result.is_err()).map(Presence::lines);
        let (index, traced) = (self.at - 1, self.traced.take());
        self.stopped |= result.is_err();
        let shared = &self.shared;
        let Some(result) = self.published(index, result) else {
            // Without an outbox the broker's word is awaited. Such runs have one event, so nothing stands behind it.
            let (shared, number) = (Arc::clone(shared), self.number);
            let runtime = shared.foreign.executor.runtime.clone();
            drop(runtime.spawn(async move {
                shared.conclude(index, number, Ok(()), traced).await;
                shared.foreign.report(&shared.chunk);
            }));
            return;
        };
        // It waits for nobody: what would wait was sorted out above.
        shared.conclude(index, self.number, result, traced).now_or_never().unwrap_or_default();
        drop(lines);
    }

    /// `None`: what it publishes has to be acknowledged first.
    fn published(&self, index: usize, result: Result<(), Failure>) -> Option<Result<(), Failure>> {
        if result.is_err() || self.shared.foreign.executor.publisher.has_outbox() {
            return Some(result);
        }
        let recorded = self.shared.chunk.items[index].recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.publishes.is_empty().then_some(result)
    }

    /// Whether the handler of the event in hand is to stop, because it is past its `handler_timeout` or its partition is gone; if not, whoever
    /// says so wakes the waker. Then [`Run::stop`] is the answer, if the language can stop its handler.
    #[must_use]
    pub fn is_told(&self, waker: &Waker) -> bool {
        if !self.open {
            return false;
        }
        let item = &self.shared.chunk.items[self.at - 1];
        item.progress.is_told(&Context::from_waker(waker)) || self.is_lost()
    }

    /// Whether the partition of the event in hand is gone: see [`Event::is_lost`].
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.open && self.shared.chunk.place(&self.shared.chunk.items[self.at - 1]).is_over()
    }

    /// The handler was stopped because it took too long: a failed attempt; or because its partition is gone: nothing at all.
    pub fn stop(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        self.stopped = true;
        self.traced = None;
        let chunk = &self.shared.chunk;
        chunk.ended(let_go(chunk, self.at - 1, self.number));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.open {
            self.end(Err(Failure::stop("the executor of a handler ended in the middle of an event")));
        }
        // What was not begun is answered for.
        self.stopped = true;
        while self.next_event().is_some() {}
        self.seat = None;
        self.shared.run_over();
    }
}

impl Shared {
    async fn conclude(&self, index: usize, number: u64, result: Result<(), Failure>, traced: Option<Attempt>) {
        let (chunk, executor) = (&self.chunk, &self.foreign.executor);
        // Only a failure is written into the log: the span is for that line.
        let span = if result.is_err() { span(&Event::new(Arc::clone(chunk), index)) } else { tracing::Span::none() };
        let result = executor.conclude(chunk, index, result).instrument(span).await;
        let completion = executor.completed(chunk, index, number, result);
        if let Some(traced) = traced {
            traced.end(completion.outcome, completion.failure.as_deref());
        }
        chunk.ended(completion);
    }

    fn run_over(&self) {
        let last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        let since = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let late = since.saturating_sub(self.told.load(Ordering::Relaxed)) > LATEST.as_micros() as u64;
        if last || late || self.presence.is_some() {
            self.told.store(since, Ordering::Relaxed);
            self.foreign.report(&self.chunk);
        }
    }
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runs").field("left", &self.len()).finish()
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Run").field("number", &self.number).field("left", &self.len()).finish()
    }
}
