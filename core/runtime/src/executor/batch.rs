//! Runs batch handlers: one call for a whole chunk, whose outcomes are then told event by event.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

use futures_util::FutureExt;
use onceward_engine::Outcome;
use tracing::Instrument;

use super::{Completion, Executor, Runner, let_go, panicked, timed_out, unless_told};
use crate::event::{Chunk, Event, EventBatch, Failure, Verdict, one_line};
use crate::handler::BatchHandler;
use crate::journal::Seat;
use crate::telemetry::Attempt;

/// A batch handler with everything that its events need.
pub(crate) struct Batches<H>(pub(crate) Executor<H>);

/// One event of the call.
struct Member {
    index: usize,
    /// The run that it is part of.
    run: u64,
    traced: Option<Attempt>,
}

impl<H: BatchHandler> Runner for Batches<H> {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        let runtime = self.0.runtime.clone();
        // Detached on purpose: its end is reported through `done`.
        drop(runtime.spawn(async move {
            self.handle(&chunk, first_run).await;
            self.tell(&chunk);
        }));
    }

    fn tell(&self, chunk: &Chunk) {
        chunk.report_ended(|ended| (self.0.done)(ended));
    }
}

impl<H: BatchHandler> Batches<H> {
    async fn handle(&self, chunk: &Arc<Chunk>, first_run: u64) {
        let mut members = self.begin(chunk, first_run);
        let seats = self.seats(chunk, &members);
        if members.is_empty() {
            return;
        }
        let batch = EventBatch::new(members.iter().map(|member| Event::new(Arc::clone(chunk), member.index)).collect());
        for (member, event) in members.iter_mut().zip(&batch) {
            member.traced = self.0.publisher.tracer().attempt(event);
        }
        let span = self.span(&batch);
        let call = async { self.0.handler.call(batch.clone()).await };
        let call = pin!(AssertUnwindSafe(call).catch_unwind().instrument(span.clone()));
        let is_lost = || members.iter().all(|member| chunk.place(&chunk.items[member.index]).is_over());
        let result = match unless_told(|context| is_any_told(chunk, &members, context) || is_lost(), call).await {
            Some(Ok(result)) => result,
            Some(Err(panic)) => Err(panicked(panic.as_ref())),
            None if is_lost() => return nothing(chunk, members),
            None => Err(timed_out()),
        };
        // The process has outlived them.
        drop(seats);
        match result {
            Ok(()) => self.one_by_one(chunk, members, batch.take_failures()).instrument(span).await,
            // Of one event alone, it is that event's failure.
            Err(failure) if members.len() == 1 => self.one_by_one(chunk, members, BTreeMap::from([(0, failure)])).instrument(span).await,
            Err(failure) => nobodys(chunk, members, &failure),
        }
    }

    /// Claims the events of a chunk. Who was taken back, or belongs to a partition that is being given back, ends its run.
    fn begin(&self, chunk: &Chunk, first_run: u64) -> Vec<Member> {
        let mut members = Vec::with_capacity(chunk.items.len());
        let mut from = 0;
        for (run, &end) in (first_run..).zip(&chunk.ends) {
            let mut stopped = false;
            for index in from..end as usize {
                let item = &chunk.items[index];
                let ours = chunk.place(item).may_start() && !item.waits();
                // Whoever took it back has answered for it.
                if item.progress.is_taken_back() || !item.progress.begin() {
                    stopped = true;
                } else if stopped || !ours {
                    stopped = true;
                    chunk.ended(Completion::not_started(chunk, index, run));
                } else if let Some(failure) = item.undecoded() {
                    stopped = true;
                    tracing::warn!(target: "onceward", error_type = %failure.report.kind, error = %one_line(&failure.report.message), "attempt failed");
                    chunk.ended(self.0.completed(chunk, index, run, Err(failure)));
                } else {
                    members.push(Member { index, run, traced: None });
                }
            }
            from = end as usize;
        }
        members
    }

    /// Each event has an outcome of its own. Behind one that failed nothing of its run counts: it is handled again, after it.
    async fn one_by_one(&self, chunk: &Arc<Chunk>, members: Vec<Member>, mut failures: BTreeMap<usize, Failure>) {
        let mut stopped = None;
        for (position, member) in members.into_iter().enumerate() {
            if stopped == Some(member.run) {
                drop(chunk.items[member.index].close());
                end(chunk, member.traced, Completion::not_started(chunk, member.index, member.run));
                continue;
            }
            let result = failures.remove(&position).map_or(Ok(()), Err);
            let told = |context: &Context<'_>| chunk.items[member.index].progress.is_told(context);
            // Without an outbox it publishes here and waits for the broker.
            let result = unless_told(told, pin!(self.0.conclude(chunk, member.index, result))).await.unwrap_or_else(|| Err(timed_out()));
            let completion = self.0.completed(chunk, member.index, member.run, result);
            if !matches!(completion.outcome, Some(Outcome::Done { .. })) {
                stopped = Some(member.run);
            }
            end(chunk, member.traced, completion);
        }
    }

    /// Says what is in hands, in case that the process dies of it.
    fn seats(&self, chunk: &Chunk, members: &[Member]) -> Vec<Seat> {
        let Some(running) = &self.0.running else { return Vec::new() };
        let seat = |member: &Member| {
            let seat = running.seat()?;
            seat.begin(chunk.name(&chunk.items[member.index]), chunk.alone);
            Some(seat)
        };
        members.iter().filter_map(seat).collect()
    }

    fn span(&self, batch: &EventBatch) -> tracing::Span {
        let Some(first) = batch.events().first().filter(|_| tracing::enabled!(target: "onceward", tracing::Level::INFO)) else {
            return tracing::Span::none();
        };
        tracing::info_span!(target: "onceward", "process", topic = first.topic(), events = batch.len())
    }
}

/// The word to stop comes to each lane's event, and lanes may have gone with their partitions.
fn is_any_told(chunk: &Chunk, members: &[Member], context: &Context<'_>) -> bool {
    members.iter().any(|member| chunk.items[member.index].progress.is_told(context))
}

/// All its partitions are gone, and with them whoever would hear of an outcome.
fn nothing(chunk: &Chunk, members: Vec<Member>) {
    for member in members {
        end(chunk, member.traced, let_go(chunk, member.index, member.run));
    }
}

/// The call failed as a whole, which is no event's attempt: each is handled again in a call of its own.
fn nobodys(chunk: &Chunk, members: Vec<Member>, failure: &Failure) {
    let outcome = if failure.verdict == Verdict::Misuse { Outcome::Cancelled } else { Outcome::BatchFailed };
    tracing::warn!(
        target: "onceward", events = members.len(), error_type = %failure.report.kind, error = %one_line(&failure.report.message),
        "a batch failed as a whole: its events are handled one by one, which shows whose failure it is"
    );
    for member in members {
        drop(chunk.items[member.index].close());
        let started = Completion::not_started(chunk, member.index, member.run);
        end(chunk, member.traced, Completion { outcome: Some(outcome), failure: Some(Box::new(failure.report.clone())), ..started });
    }
}

fn end(chunk: &Chunk, traced: Option<Attempt>, completion: Completion) {
    if let Some(traced) = traced {
        traced.end(completion.outcome, completion.failure.as_deref());
    }
    chunk.ended(completion);
}
