//! Work that waits for the host.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use onceward::foreign::Runs;
use onceward::{EventBatch, Failure};
use tokio::sync::oneshot;

use crate::HeldLetter;
use crate::bell::Bell;
use crate::work::{HeldBatch, HeldRun, Work};

/// One channel: work for one kind of executor, for threads or for an event loop.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    ready: Condvar,
    next_token: AtomicU64,
    bell: RwLock<Option<Arc<Bell>>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Piece>,
    /// Tokens of what is to stop.
    told: Vec<u64>,
    sleepers: usize,
    /// A sleeper was woken and has not come yet.
    woken: usize,
    closed: bool,
}

#[derive(Debug)]
enum Piece {
    Runs(usize, Runs),
    Batch(HeldBatch),
    Letter(HeldLetter),
}

impl Queue {
    /// Takes up to so many pieces of work, and waits for the first one at most so long. `None`: nothing comes any more.
    ///
    /// A run leaves the queue by itself, so that others of its hand-over can be taken by somebody else.
    pub fn next_batch(&self, max: usize, wait: Duration) -> Option<Vec<Work>> {
        let mut work = Vec::new();
        let mut state = self.state();
        let mut until = None;
        loop {
            self.take(&mut state, max.max(1), &mut work);
            if !work.is_empty() {
                return Some(work);
            }
            if state.closed {
                return None;
            }
            if wait.is_zero() {
                return Some(work);
            }
            let now = Instant::now();
            let until = *until.get_or_insert(now + wait);
            if now >= until {
                return Some(work);
            }
            state.sleepers += 1;
            state = self.ready.wait_timeout(state, until - now).unwrap_or_else(PoisonError::into_inner).0;
            state.sleepers -= 1;
            state.woken = state.woken.saturating_sub(1);
        }
    }

    /// As [`Queue::next_batch`] for one piece, without waiting and without a list.
    pub fn try_next(&self) -> Option<Work> {
        let mut state = self.state();
        self.pop(&mut state)
    }

    /// Tokens of what is to stop, past its `handler_timeout` or without its partition, since the last call. A batch is one call; of a run it is
    /// one of its events, and maybe not the one that is in hand by now: ask [`HeldRun::is_told`].
    pub fn take_told(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().told)
    }

    /// A file descriptor that becomes readable when there is work, when a handler is to be stopped, and when the queue closes. `None`: this
    /// platform, or this process, has none to give.
    pub fn descriptor(&self) -> Option<i32> {
        let bell = self.hang(|| Bell::new().ok())?;
        // There may be work from before there was a bell.
        bell.ring();
        bell.descriptor()
    }

    /// Instead of a descriptor: a function that posts to the host's event loop when there is work, when a handler is to be stopped, and when
    /// the queue closes; once, until [`Queue::silence`]. It is called from any thread, so it must neither wait nor run anything of the host.
    /// A queue has one bell; the first one counts.
    pub fn on_ring(&self, post: impl Fn() + Send + Sync + 'static) {
        if let Some(bell) = self.hang(|| Some(Bell::post(Box::new(post)))) {
            // There may be work from before there was a bell.
            bell.ring();
        }
    }

    /// Nobody listens any more, and the function of [`Queue::on_ring`] is let go of. What it posts to often leads back to this queue, in a
    /// circle that nobody else would break. Not for a descriptor that is still watched.
    pub fn take_bell(&self) {
        let bell = self.bell.write().unwrap_or_else(PoisonError::into_inner).take();
        // Outside of the lock: what it lets go of is the host's.
        drop(bell);
    }

    /// To be called when the descriptor is readable, before work is taken.
    pub fn silence(&self) {
        if let Some(bell) = self.bell() {
            bell.silence();
        }
    }

    /// Whether nothing comes any more.
    pub fn is_closed(&self) -> bool {
        let state = self.state();
        state.closed && state.waiting.is_empty()
    }

    pub(crate) fn push_runs(&self, handler: usize, runs: Runs) {
        self.push(Piece::Runs(handler, runs));
    }

    pub(crate) fn push_letter(&self, letter: HeldLetter) {
        self.push(Piece::Letter(letter));
    }

    /// Hands a batch to the host and awaits its answer. Dropped while it waits, the call is to stop.
    pub(crate) async fn call(self: Arc<Self>, handler: usize, batch: EventBatch) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        let token = self.token();
        self.push(Piece::Batch(HeldBatch { handler, token, batch, answer: Some(answer) }));
        let mut given_up = GivenUp { queue: self, token, over: false };
        // In a rig the simulated clock stands still meanwhile.
        let result = onceward::testing::in_real_time(answered).await;
        given_up.over = true;
        result.unwrap_or_else(|_| Err(Failure::stop("the executor of a batch handler is gone")))
    }

    pub(crate) fn tell(&self, token: u64) {
        self.state().told.push(token);
        self.ring();
    }

    /// Drops what waits: in a test, the process that it belonged to has died.
    pub fn clear(&self) {
        let waiting = std::mem::take(&mut self.state().waiting);
        drop(waiting);
    }

    /// Nothing is handed out any more; who waits is told.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
        self.ready.notify_all();
        self.ring();
    }

    fn push(&self, piece: Piece) {
        let mut state = self.state();
        if state.closed {
            drop(state);
            drop(piece);
            return;
        }
        state.waiting.push_back(piece);
        self.wake(&mut state);
        drop(state);
        self.ring();
    }

    /// One sleeper is enough: whoever takes and leaves something behind wakes the next one.
    fn wake(&self, state: &mut State) {
        if state.sleepers > state.woken && state.woken == 0 {
            state.woken += 1;
            self.ready.notify_one();
        }
    }

    fn take(&self, state: &mut State, max: usize, work: &mut Vec<Work>) {
        while work.len() < max
            && let Some(piece) = self.pop(state)
        {
            work.push(piece);
        }
    }

    fn pop(&self, state: &mut State) -> Option<Work> {
        let work = loop {
            match state.waiting.front_mut()? {
                Piece::Runs(handler, runs) => {
                    let run = runs.next_run().map(|run| HeldRun::new(*handler, self.token(), run));
                    if runs.is_empty() {
                        state.waiting.pop_front();
                    }
                    if let Some(run) = run {
                        break Work::Run(run);
                    }
                }
                Piece::Batch(_) | Piece::Letter(_) => match state.waiting.pop_front()? {
                    Piece::Batch(batch) => break Work::Batch(batch),
                    Piece::Letter(letter) => break Work::Letter(letter),
                    // Just seen: it is none.
                    Piece::Runs(..) => {}
                },
            }
        };
        if !state.waiting.is_empty() {
            self.wake(state);
        }
        Some(work)
    }

    fn token(&self) -> u64 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    fn ring(&self) {
        if let Some(bell) = self.bell() {
            bell.ring();
        }
    }

    fn bell(&self) -> Option<Arc<Bell>> {
        self.bell.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bell that is there, or this one.
    fn hang(&self, make: impl FnOnce() -> Option<Bell>) -> Option<Arc<Bell>> {
        let mut place = self.bell.write().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() {
            *place = make().map(Arc::new);
        }
        place.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the host when the loop no longer waits for a batch.
struct GivenUp {
    queue: Arc<Queue>,
    token: u64,
    over: bool,
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if !self.over {
            self.queue.tell(self.token);
        }
    }
}
