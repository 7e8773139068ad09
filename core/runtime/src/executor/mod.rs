//! Runs handlers on tokio.
//!
//! Deliveries arrive in chunks, so that a fast handler costs no task of its own: one task polls them one after the other. The first future
//! that has to wait keeps its task; the rest of the chunk moves to a new one. So does the rest when the time slice is used up, which lets
//! other workers take part. No future is boxed, and none is moved after its first poll.

mod batch;
mod foreign;

pub(crate) use batch::Batches;
pub(crate) use foreign::Foreign;
pub use foreign::{Run, Runs, Taker};

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use onceward_engine::{DeliveryId, Outcome};
use tracing::Instrument;

use crate::event::{Chunk, Event, Failure, Report, Verdict, correlation, one_line};
use crate::handler::{Fatal, Handler};
use crate::inbox::{Encoded, Statement};
use crate::journal::Running;
use crate::publisher::Publisher;

/// How long one task polls handlers before it lets another worker take the rest.
const SLICE: Duration = Duration::from_micros(200);

/// Runs between two looks at the clock.
const RUNS_PER_LOOK: usize = 4;

/// Events between two looks at the clock, and how long their outcomes may be kept back then.
const ITEMS_PER_LOOK: usize = 16;
const LATEST: Duration = Duration::from_millis(20);

/// What became of one delivery.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) delivery: DeliveryId,
    /// `None`: an earlier event of the run was not done, so this one was not started.
    pub(crate) outcome: Option<Outcome>,
    /// Which run it was part of: statements of one run commit together.
    pub(crate) run: u64,
    pub(crate) statements: Vec<Statement>,
    /// What commits with the mark and is relayed afterwards.
    pub(crate) publishes: Option<Box<Encoded>>,
    pub(crate) failure: Option<Box<Report>>,
}

impl Completion {
    /// Of an event that no handler was called for.
    fn not_started(chunk: &Chunk, index: usize, run: u64) -> Self {
        let delivery = chunk.items[index].delivery;
        Self { delivery, outcome: None, run, statements: Vec::new(), publishes: None, failure: None }
    }
}

/// What commits with a mark.
type Committed = (Vec<Statement>, Option<Box<Encoded>>);

/// Where completions go.
pub(crate) type Done = Arc<dyn Fn(Vec<Completion>) + Send + Sync>;

/// A handler without its type.
pub(crate) trait Runner: Send + Sync {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64);

    /// Reports the outcomes that wait for a handler that blocks.
    fn tell(&self, chunk: &Chunk);
}

/// One handler with everything that its events need.
pub(crate) struct Executor<H> {
    pub(crate) handler: Arc<H>,
    pub(crate) fatal: Fatal,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) publisher: Publisher,
    pub(crate) done: Done,
    pub(crate) keeps_effects: bool,
    pub(crate) running: Option<Arc<Running>>,
}

impl<H: Handler> Runner for Executor<H> {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        spawn(self, chunk, 0, first_run);
    }

    fn tell(&self, chunk: &Chunk) {
        chunk.report_ended(|ended| (self.done)(ended));
    }
}

/// A plain function, so that the task's future does not contain its own type.
fn spawn<H: Handler>(executor: Arc<Executor<H>>, chunk: Arc<Chunk>, run: usize, first_run: u64) {
    let runtime = executor.runtime.clone();
    let task: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(drive(executor, chunk, run, first_run));
    // Detached on purpose: its end is reported through `done`.
    drop(runtime.spawn(task));
}

async fn drive<H: Handler>(executor: Arc<Executor<H>>, chunk: Arc<Chunk>, first: usize, first_run: u64) {
    let started = Instant::now();
    let runs = chunk.ends.len();
    let mut alone = false;
    let mut told = started;
    let seat = executor.running.as_ref().and_then(Running::seat);
    for run in first..runs {
        let from = if run == 0 { 0 } else { chunk.ends[run - 1] as usize };
        let number = first_run + run as u64;
        let mut stopped = false;
        for index in from..chunk.ends[run] as usize {
            let item = &chunk.items[index];
            if item.progress.is_taken_back() {
                stopped = true;
                continue;
            }
            if stopped || !chunk.place(item).may_start() || item.waits() {
                // The driver may take it back at this very moment: then it has answered for it.
                stopped = true;
                if !item.progress.begin() {
                    continue;
                }
                chunk.ended(Completion::not_started(&chunk, index, number));
                continue;
            }
            if !item.progress.begin() {
                stopped = true;
                continue;
            }
            if let Some(seat) = &seat {
                seat.begin(chunk.name(item), chunk.alone);
            }
            let mut attempt = pin!(executor.attempt(&chunk, index, number));
            let completion = match poll_once(attempt.as_mut()).await {
                Some(completion) => completion,
                None => {
                    executor.tell(&chunk);
                    if !alone && run + 1 < runs {
                        spawn(Arc::clone(&executor), Arc::clone(&chunk), run + 1, first_run);
                    }
                    alone = true;
                    let stops = |context: &Context<'_>| item.progress.is_told(context) || chunk.place(item).is_over();
                    unless_told(stops, attempt).await.unwrap_or_else(|| let_go(&chunk, index, number))
                }
            };
            stopped = !matches!(completion.outcome, Some(Outcome::Done { .. }));
            let kept = chunk.ended(completion);
            // Handlers that block in a long run: who waits for word of the first must not take it for stuck.
            if kept.is_multiple_of(ITEMS_PER_LOOK) && told.elapsed() > LATEST {
                executor.tell(&chunk);
                told = Instant::now();
            }
        }
        if alone {
            break;
        }
        // The clock costs as much as a small handler: it is looked at every few runs.
        if run % RUNS_PER_LOOK == RUNS_PER_LOOK - 1 && run + 1 < runs && started.elapsed() > SLICE {
            spawn(Arc::clone(&executor), Arc::clone(&chunk), run + 1, first_run);
            break;
        }
    }
    executor.tell(&chunk);
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Polls until the end, or until the handler is told to stop.
async fn unless_told<F: Future>(told: impl Fn(&Context<'_>) -> bool, mut future: Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        // The end counts, even if the word comes at the same moment.
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if told(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A handler that was stopped. What it recorded is dropped, and what its tasks record later is refused. It took too long; or its partition is
/// gone, and then the loop no longer knows of it.
fn let_go(chunk: &Chunk, index: usize, run: u64) -> Completion {
    let item = &chunk.items[index];
    drop(item.close());
    let outcome = Some(Outcome::Retry { after: None });
    let why = if chunk.place(item).is_over() { lost() } else { timed_out() };
    let failure = Some(Box::new(why.report));
    Completion { delivery: item.delivery, outcome, run, statements: Vec::new(), publishes: None, failure }
}

fn lost() -> Failure {
    Failure::retry("PartitionLost", "the partition went to another member, which handles this event".to_owned())
}

fn timed_out() -> Failure {
    Failure::retry("HandlerTimeout", "the handler took longer than its handler_timeout and was stopped".to_owned())
}

impl<H: Handler> Executor<H> {
    async fn attempt(&self, chunk: &Arc<Chunk>, index: usize, run: u64) -> Completion {
        let event = Event::new(Arc::clone(chunk), index);
        let span = span(&event);
        let traced = self.publisher.tracer().attempt(&event);
        let result = async {
            // The call is inside as well: a handler may panic before there is a future, and its lane would wait for ever.
            let call = async { self.handler.call(event).await };
            let result = match chunk.items[index].undecoded() {
                Some(failure) => Err(failure),
                None => match AssertUnwindSafe(call).catch_unwind().await {
                    Ok(result) => result,
                    Err(panic) => Err(panicked(panic.as_ref())),
                },
            };
            self.conclude(chunk, index, result).await
        }
        .instrument(span)
        .await;
        let completion = self.completed(chunk, index, run, result);
        if let Some(traced) = traced {
            traced.end(completion.outcome, completion.failure.as_deref());
        }
        completion
    }
}

impl<H> Executor<H> {
    /// What the loop is told of an attempt.
    fn completed(&self, chunk: &Chunk, index: usize, run: u64, result: Result<Committed, Failure>) -> Completion {
        let item = &chunk.items[index];
        match result {
            Ok((statements, publishes)) => Completion {
                delivery: item.delivery,
                outcome: Some(Outcome::Done { effects: !statements.is_empty() || publishes.is_some() }),
                run,
                statements,
                publishes,
                failure: None,
            },
            Err(failure) => {
                let outcome = match failure.verdict {
                    Verdict::Reject(rejection) => Outcome::Reject(rejection),
                    Verdict::Misuse => Outcome::Cancelled,
                    Verdict::Retry { .. } if self.fatal.covers(&chunk.place(item).called, &failure) => {
                        Outcome::Reject(onceward_engine::Rejection::Rejected)
                    }
                    Verdict::Retry { after } => {
                        Outcome::Retry { after: after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)) }
                    }
                };
                let failure = Some(Box::new(failure.report));
                Completion { delivery: item.delivery, outcome: Some(outcome), run, statements: Vec::new(), publishes: None, failure }
            }
        }
    }

    /// What a successful handler recorded takes effect; what a failed one recorded is dropped.
    async fn conclude(&self, chunk: &Arc<Chunk>, index: usize, result: Result<(), Failure>) -> Result<Committed, Failure> {
        let recorded = chunk.items[index].close();
        if let Err(failure) = result {
            tracing::warn!(target: "onceward", error_type = %failure.report.kind, error = %one_line(&failure.report.message), "attempt failed");
            return Err(failure);
        }
        if !recorded.statements.is_empty() && !self.keeps_effects {
            return Err(Failure::misuse(
                "event.effect needs an inbox that commits it, and the memory inbox has none: use inbox = \"sqlite:FILE\"",
            ));
        }
        let mut publishes = None;
        if !recorded.publishes.is_empty() {
            if chunk.place(&chunk.items[index]).is_over() {
                return Err(lost());
            }
            publishes =
                self.publisher.publish(&Event::new(Arc::clone(chunk), index), recorded.publishes, recorded.traceparent.as_deref()).await?;
        }
        tracing::debug!(target: "onceward", "handled");
        Ok((recorded.statements, publishes))
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    Failure::retry("panic", text.unwrap_or_else(|| "the handler panicked with a value that is no text".to_owned()))
}

fn span(event: &Event) -> tracing::Span {
    if !tracing::enabled!(target: "onceward", tracing::Level::INFO) {
        return tracing::Span::none();
    }
    let trace_id = event.header(crate::wire::TRACEPARENT).and_then(correlation::trace_id);
    // Not the key: it may be a customer's number. Its hash tells which lines are of one lane.
    let key_hash = event.key().map(|key| blake3::hash(key).to_hex()[..16].to_owned());
    tracing::info_span!(
        target: "onceward", "process",
        correlation_id = %event.correlation_id(), trace_id, key_hash, topic = event.topic(), partition = event.partition(), offset = event.offset(), attempt = event.attempt(),
    )
}
