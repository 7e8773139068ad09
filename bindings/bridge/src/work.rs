//! What is in the host's hands.

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use onceward::foreign::Run;
use onceward::{Event, EventBatch, Failure};
use tokio::sync::oneshot;

use crate::{HeldLetter, Outcome, Queue};

/// One call's worth of work.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "runs are the common case, and a box would be an allocation for each")]
pub enum Work {
    /// Consecutive events of one key, one after the other.
    Run(HeldRun),
    /// Several events for one call.
    Batch(HeldBatch),
    /// A dead letter that the host's function is told of.
    Letter(HeldLetter),
}

/// Consecutive events of one key. Dropped, what was not begun is handed over again, and an event in hand stops the consumer.
///
/// It is over as soon as an event failed or none is left, and does not wait to be dropped: hosts keep things alive for long, as an exception
/// keeps the frames that it went through.
#[derive(Debug)]
pub struct HeldRun {
    /// Which handler, by its place in the document.
    pub handler: usize,
    /// What [`Queue::take_told`] calls it.
    pub token: u64,
    run: Option<Run>,
    told: Option<Waker>,
}

/// Several events for one call of a batch handler.
#[derive(Debug)]
pub struct HeldBatch {
    /// Which handler, by its place in the document.
    pub handler: usize,
    /// What [`Queue::take_told`] calls it.
    pub token: u64,
    /// The events.
    pub batch: EventBatch,
    pub(crate) answer: Option<oneshot::Sender<Result<(), Failure>>>,
}

impl HeldRun {
    pub(crate) fn new(handler: usize, token: u64, run: Run) -> Self {
        Self { handler, token, run: Some(run), told: None }
    }

    /// From now on the queue is told when an event of this run is past its `handler_timeout` or its partition is gone, the one in hand
    /// included: for a host that can stop its handlers. The word may come late, when the next event is in hand: [`HeldRun::is_told`] has the
    /// last one.
    pub fn watch(&mut self, queue: &Arc<Queue>) {
        let waker: Waker = Arc::new(Told { queue: Arc::downgrade(queue), token: self.token }).into();
        if self.run.as_ref().is_some_and(|run| run.is_told(&waker)) {
            waker.wake_by_ref();
        }
        self.told = Some(waker);
    }

    /// Whether the handler of the event that is in hand now is to stop. Always false before [`HeldRun::watch`].
    #[must_use]
    pub fn is_told(&self) -> bool {
        let (Some(run), Some(waker)) = (&self.run, &self.told) else { return false };
        run.is_told(waker)
    }

    /// Whether that is because its partition is gone: what the handler does counts no more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_lost)
    }

    /// The events that were not begun yet, to be read and nothing else: for a host that copies a run at once.
    pub fn ahead(&self) -> impl Iterator<Item = Event> {
        self.run.iter().flat_map(Run::ahead)
    }

    /// Begins with the next event; `None` when the run is over or must not go on.
    pub fn next_event(&mut self) -> Option<Event> {
        let run = self.run.as_mut()?;
        let Some(event) = run.next_event() else {
            self.run = None;
            return None;
        };
        if let Some(waker) = &self.told
            && run.is_told(waker)
        {
            waker.wake_by_ref();
        }
        Some(event)
    }

    /// Says how the event in hand ended. Nothing happens when none is.
    pub fn end(&mut self, outcome: Outcome) {
        let Some(run) = &mut self.run else { return };
        let result = outcome.into_result();
        let over = result.is_err();
        run.end(result);
        if over {
            self.run = None;
        }
    }

    /// The event in hand is done: the cheap form of [`HeldRun::end`].
    #[inline]
    pub fn done(&mut self) {
        if let Some(run) = &mut self.run {
            run.end(Ok(()));
        }
    }

    /// The handler was stopped because it was told to.
    pub fn stopped(&mut self) {
        if let Some(run) = &mut self.run {
            run.stop();
        }
        self.run = None;
    }
}

impl HeldBatch {
    /// Whether all its partitions are gone: what the call does counts no more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.batch.events().iter().all(Event::is_lost)
    }

    /// One event of it failed; the others are not concerned, except those of its key behind it.
    pub fn fail(&self, position: usize, outcome: Outcome) {
        if let Err(failure) = outcome.into_result() {
            self.batch.fail(position, failure);
        }
    }

    /// Says how the call ended.
    pub fn end(&mut self, outcome: Outcome) {
        if let Some(answer) = self.answer.take() {
            // The loop may have given up on it; then nobody is interested.
            drop(answer.send(outcome.into_result()));
        }
    }
}

impl Drop for HeldBatch {
    fn drop(&mut self) {
        self.end(Outcome::Stop("the executor of a batch handler ended in the middle of a call".to_owned()));
    }
}

/// Wakes the queue when a handler is told to stop.
struct Told {
    queue: Weak<Queue>,
    token: u64,
}

impl Wake for Told {
    fn wake(self: Arc<Self>) {
        if let Some(queue) = self.queue.upgrade() {
            queue.tell(self.token);
        }
    }
}
