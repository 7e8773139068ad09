//! Around the inbox: knows when it has answered everything, lets it fail, and sees what was handled.
//!
//! The inbox is the service's own: an SQLite file with its threads, or memory. Its threads answer when they like, so their answers are waited
//! for before the loop goes on, and put into one order: that makes a history repeatable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use onceward_engine::{DeliveryId, Digest, Epoch, MarkResult, Offset, PartitionId};

use super::world::World;
use crate::Error;
use crate::inbox::{
    Door, Identity, Inbox, InboxError, InboxFact, InboxSink, InboxStats, LookUp, Mark, MemoryInbox, PartitionName, Queries, SqliteInbox,
};

/// As the writer's: the first wait after a failed transaction, and the longest.
const WAIT: (u64, u64) = (100, 5_000);
/// How long a file may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Asked for to learn that the writer has come by: no delivery and no partition has this number.
const PING: Identity = Identity::Coordinates { partition: PartitionId(u32::MAX), offset: Offset(i64::MAX) };
const PINGED: DeliveryId = DeliveryId { slot: u32::MAX, generation: u32::MAX };

/// What a service keeps its marks in.
pub(super) enum Kept {
    Sqlite(Box<SqliteInbox>),
    Memory(Box<MemoryInbox>),
}

impl Kept {
    fn inbox(&mut self) -> &mut dyn Inbox {
        match self {
            Self::Sqlite(inbox) => inbox.as_mut(),
            Self::Memory(inbox) => inbox.as_mut(),
        }
    }

    fn look(&self) -> &dyn Inbox {
        match self {
            Self::Sqlite(inbox) => inbox.as_ref(),
            Self::Memory(inbox) => inbox.as_ref(),
        }
    }
}

struct State {
    kept: Kept,
    /// What the store says, until it is passed on.
    answers: Receiver<InboxFact>,
    sink: InboxSink,
    /// Questions and marks without an answer.
    open: usize,
    /// Marks among what was not flushed.
    marks: usize,
    dirty: bool,
    publishes: bool,
    down: bool,
    wait: u64,
    retry_at: u64,
}

/// The inbox of one life, in the hands of the loop and of the stage.
#[derive(Clone)]
pub(super) struct Store {
    state: Arc<Mutex<State>>,
    world: World,
    /// So many transactions fail; outlives a crash.
    fail: Arc<Mutex<u32>>,
}

/// Where a store's own threads speak to.
pub(super) fn ear() -> (InboxSink, Receiver<InboxFact>) {
    let (sender, answers): (Sender<InboxFact>, _) = crossbeam_channel::unbounded();
    // Nobody listens to a store whose life is over.
    (Arc::new(move |fact| drop(sender.send(fact))), answers)
}

impl Store {
    pub(super) fn new(kept: Kept, answers: Receiver<InboxFact>, sink: InboxSink, world: World, fail: Arc<Mutex<u32>>) -> Self {
        let state =
            State { kept, answers, sink, open: 0, marks: 0, dirty: false, publishes: false, down: false, wait: WAIT.0, retry_at: 0 };
        Self { state: Arc::new(Mutex::new(state)), world, fail }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a failed transaction is tried again.
    pub(super) fn due(&self) -> Option<u64> {
        let state = self.lock();
        state.down.then_some(state.retry_at)
    }

    /// Writes and answers what was asked for, and passes the answers on. Whether there was anything.
    pub(super) fn settle(&self) -> Result<bool, Error> {
        let mut state = self.lock();
        if !state.dirty && state.open == 0 && state.answers.is_empty() {
            return Ok(false);
        }
        if state.down && self.world.now() < state.retry_at {
            return Ok(false);
        }
        let mut fail = self.fail.lock().unwrap_or_else(PoisonError::into_inner);
        if *fail > 0 && state.marks > 0 {
            *fail -= 1;
            state.retry_at = self.world.now().saturating_add(state.wait);
            state.wait = state.wait.saturating_mul(2).min(WAIT.1);
            if !std::mem::replace(&mut state.down, true) {
                self.world.note("the inbox can't write");
                (state.sink)(InboxFact::Down { why: "the disk is full (simulated by fail_store)".to_owned() });
            }
            return Ok(true);
        }
        drop(fail);
        state.kept.inbox().flush();
        (state.dirty, state.marks) = (false, 0);
        let mut answers = state.collect()?;
        if std::mem::take(&mut state.publishes) {
            // Rows are handed to the relay after the marks are answered.
            state.ping(&mut answers)?;
        }
        if std::mem::take(&mut state.down) {
            state.wait = WAIT.0;
            self.world.note("the inbox can write again");
            answers.push(InboxFact::Up);
        }
        // One order, whichever thread was faster.
        answers.sort_by_key(rank);
        for fact in answers {
            self.heard(&fact);
            (state.sink)(fact);
        }
        Ok(true)
    }

    /// Time has passed, or somebody outside has published: the store looks at the clock, so that what has expired is forgotten, and has handed
    /// to the relay what is committed.
    pub(super) fn look_at_the_clock(&self) -> Result<(), Error> {
        let mut state = self.lock();
        if state.down || state.dirty {
            // To ask would be to write what waits; it is asked when that is written.
            state.publishes = true;
            return Ok(());
        }
        let mut answers = Vec::new();
        // The clock is looked at behind the answer to the first one.
        state.ping(&mut answers)?;
        state.ping(&mut answers)?;
        answers.into_iter().for_each(|fact| (state.sink)(fact));
        Ok(())
    }

    /// The process dies: what was not handed to the store is gone.
    pub(super) fn die(&self) {
        let mut state = self.lock();
        if let Kept::Sqlite(inbox) = &mut state.kept {
            inbox.forget_queued();
        }
        state.kept.inbox().close(PATIENCE).unwrap_or_default();
    }

    pub(super) fn queries(&self) -> Option<Queries> {
        self.lock().kept.look().queries()
    }

    fn heard(&self, fact: &InboxFact) {
        let InboxFact::Marked(marks) = fact else { return };
        for marked in marks {
            let mut state = self.world.lock();
            let Some(id) = state.dispatched.get(&marked.delivery).map(|dispatched| dispatched.id.clone()) else { continue };
            let said = match marked.result {
                MarkResult::Durable => {
                    state.resolved += 1;
                    state.handled.push(id.clone());
                    format!("{id} handled")
                }
                MarkResult::EffectFailed { .. } => format!("{id}: {}", marked.error.as_deref().unwrap_or("an effect failed")),
                MarkResult::Duplicate { .. } => format!("{id} was handled before"),
                MarkResult::RolledBack => format!("{id} rolled back with its run"),
                MarkResult::Dropped => format!("{id}: its partition was given back, so its mark was dropped"),
            };
            drop(state);
            self.world.note(said);
        }
    }
}

/// Marks before what was waiting for them.
fn rank(fact: &InboxFact) -> (u8, u32) {
    match fact {
        InboxFact::Up => (0, 0),
        InboxFact::Marked(_) => (1, 0),
        InboxFact::CaughtUp { partition, .. } => (2, partition.0),
        InboxFact::LookedUp(answers) => (3, answers.iter().map(|(delivery, _)| delivery.slot).min().unwrap_or(0)),
        _ => (4, 0),
    }
}

impl State {
    /// Waits until nothing is open.
    fn collect(&mut self) -> Result<Vec<InboxFact>, Error> {
        let mut answers = Vec::new();
        loop {
            while let Ok(fact) = self.answers.try_recv() {
                self.count(&fact);
                answers.push(fact);
            }
            if self.open == 0 || answers.iter().any(|fact| matches!(fact, InboxFact::Broken(_))) {
                answers.retain(|fact| !matches!(fact, InboxFact::News));
                return Ok(answers);
            }
            let Ok(fact) = self.answers.recv_timeout(PATIENCE) else {
                return Err(Error::Halted(format!(
                    "the inbox of the rig has not answered for {} s; its folder (/dev/shm, or TMPDIR) may be full",
                    PATIENCE.as_secs()
                )));
            };
            self.count(&fact);
            answers.push(fact);
        }
    }

    fn count(&mut self, fact: &InboxFact) {
        let answered = match fact {
            InboxFact::LookedUp(answers) => answers.len(),
            InboxFact::Marked(marks) => marks.len(),
            InboxFact::CaughtUp { .. } => 1,
            _ => 0,
        };
        self.open = self.open.saturating_sub(answered);
    }

    /// Waits until the writer has come by: everything that it does after answering what came before is done.
    fn ping(&mut self, answers: &mut Vec<InboxFact>) -> Result<(), Error> {
        if let LookUp::Pending = self.kept.inbox().look_up(PINGED, PING, Digest(0)) {
            self.open += 1;
        }
        self.kept.inbox().flush();
        let others =
            self.collect()?.into_iter().filter(|fact| !matches!(fact, InboxFact::LookedUp(of) if of.iter().all(|(one, _)| *one == PINGED)));
        answers.extend(others);
        Ok(())
    }
}

impl Inbox for Store {
    fn catch_up(&mut self, partition: PartitionId, epoch: Epoch, name: &PartitionName) {
        let mut state = self.lock();
        state.kept.inbox().catch_up(partition, epoch, name);
        (state.open, state.dirty) = (state.open + 1, true);
        // There may be rows of an earlier life to relay.
        state.publishes = true;
    }

    fn look_up(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        let mut state = self.lock();
        let answer = state.kept.inbox().look_up(delivery, identity, digest);
        if answer == LookUp::Pending {
            (state.open, state.dirty) = (state.open + 1, true);
        }
        answer
    }

    fn mark(&mut self, mark: Mark) {
        let mut state = self.lock();
        state.publishes |= mark.publishes.is_some();
        state.kept.inbox().mark(mark);
        (state.open, state.marks, state.dirty) = (state.open + 1, state.marks + 1, true);
    }

    fn committed(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) {
        let mut state = self.lock();
        state.kept.inbox().committed(partition, epoch, next);
        state.dirty = true;
    }

    fn release(&mut self, partition: PartitionId, epoch: Epoch) {
        self.lock().kept.inbox().release(partition, epoch);
    }

    /// Held back until [`Store::settle`], so that a test can let the process die before.
    fn flush(&mut self) {}

    fn keeps_effects(&self) -> bool {
        self.lock().kept.look().keeps_effects()
    }

    fn outbox(&self) -> Option<Door> {
        self.lock().kept.look().outbox()
    }

    fn queries(&self) -> Option<Queries> {
        Store::queries(self)
    }

    fn stats(&self) -> InboxStats {
        self.lock().kept.look().stats()
    }

    fn close(&mut self, deadline: Duration) -> Result<(), InboxError> {
        self.lock().kept.inbox().close(deadline)
    }
}
