//! The loop: the engine's only caller.
//!
//! One OS thread takes facts from one channel (fetched batches, completions, the inbox's and the producer's answers, shutdown), hands them
//! to the engine, and carries out its orders. Until the run ends it waits for nothing but the next fact or the engine's deadline; closing
//! then waits for stores and clients, with a deadline.

mod breaker;
mod carry;
mod clock;
mod crash;
mod fact;
mod facts;
mod feed;
mod ledger;
mod letters;
mod outside;
mod overdue;
mod partitions;
mod payloads;
mod progress;
mod stop;
mod summary;
mod unreadable;
mod unsettled;

pub(crate) use clock::Clock;
pub(crate) use fact::Fact;
pub(crate) use feed::Intake;
pub(crate) use ledger::Ledgers;
pub(crate) use letters::Letters;
pub(crate) use outside::{Downstream, Upstream};
pub(crate) use overdue::InFlight;
pub(crate) use partitions::Partitions;
pub(crate) use payloads::{Payload, Payloads};
pub(crate) use progress::Progress;
pub(crate) use stop::Ending;
pub use summary::Summary;
pub(crate) use unreadable::Unreadable;
pub(crate) use unsettled::LetterWatch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use onceward_engine::{Effect, Engine, Input, Timestamp};

use crate::Error;
use crate::alerts::Alerts;
use crate::archive::Archive;
use crate::consumer::{Connected, Routes};
use crate::event::Chunk;
use crate::executor::Runner;
use crate::inbox::Inbox;
use crate::journal::Journal;
use crate::telemetry::{Health, Metrics, Tracer};

/// Facts handled before effects are carried out: large enough to work in batches, small enough to answer quickly.
const FACTS_PER_TURN: usize = 64;

/// Everything the loop owns.
pub(crate) struct Driver {
    pub(crate) engine: Engine,
    pub(crate) facts: Receiver<Fact>,
    pub(crate) source: Box<dyn Upstream>,
    pub(crate) inbox: Box<dyn Inbox>,
    pub(crate) producer: Arc<dyn Downstream>,
    pub(crate) archive: Box<dyn Archive>,
    pub(crate) ledgers: Ledgers,
    pub(crate) runners: Vec<Arc<dyn Runner>>,
    pub(crate) letters: Letters,
    pub(crate) tracer: Tracer,
    pub(crate) metrics: Arc<Metrics>,
    /// Who is told of dead letters.
    pub(crate) alerts: Alerts,
    pub(crate) letter_watch: LetterWatch,
    pub(crate) unreadable: Unreadable,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Clock,
    pub(crate) drain: Duration,
    pub(crate) payloads: Payloads,
    pub(crate) partitions: Partitions,
    pub(crate) intake: Intake,
    /// Room for the answers of one look-up.
    pub(crate) answers: Vec<(onceward_engine::DeliveryId, Option<onceward_engine::Digest>)>,
    /// Chunks being filled, one per policy.
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) next_run: u64,
    pub(crate) next_chunk: u64,
    pub(crate) in_flight: InFlight,
    /// What runs, for whoever comes after this process; with an inbox on disk.
    pub(crate) journal: Option<Journal>,
    /// Handlers of subscribed topics; the index is the policy.
    pub(crate) routes: Routes,
    /// The latest chunk of a batch handler that is stuck.
    pub(crate) stuck_call: u64,
    /// Topics that a person paused.
    pub(crate) suspended: BTreeSet<String>,
    /// Topics that wait for the schema registry.
    pub(crate) schemaless: BTreeSet<String>,
    /// Lets persons pause topics, for as long as the loop runs.
    pub(crate) _connected: Connected,
    pub(crate) breakers_open: u32,
    /// The latest retryable failure: what an open breaker shows as its reason.
    pub(crate) last_failure: Option<Box<crate::event::Report>>,
    pub(crate) ending: Ending,
    pub(crate) progress: Progress,
}

impl Driver {
    /// Runs until everything is released and closed.
    pub(crate) fn run(mut self) -> Result<Summary, Error> {
        while !self.ending.over() {
            self.wait();
            self.turn();
        }
        self.finish()
    }

    /// One turn after facts were taken: everything that follows from them is ordered.
    pub(crate) fn turn(&mut self) {
        self.feed();
        self.engine.handle(self.clock.now(), Input::Tick);
        self.carry_out();
        self.observe();
        self.count_letters();
        self.go_on_ending();
    }

    /// When the next turn is due if no fact comes, as far as events are concerned.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let now = self.clock.now();
        let ending = self.ending.next_wake(now).map(|wait| now.after(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
        self.engine.next_deadline().into_iter().chain(ending).min()
    }

    /// Takes facts: blocks for the first, then takes what is there.
    fn wait(&mut self) {
        let deadline = self.next_wake();
        let first = match deadline {
            Some(wait) => self.facts.recv_timeout(wait),
            None => self.facts.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let Ok(first) = first else { return };
        self.take(first);
        for _ in 1..FACTS_PER_TURN {
            let Ok(fact) = self.facts.try_recv() else { break };
            self.take(fact);
        }
    }

    fn next_wake(&self) -> Option<Duration> {
        let engine = self.engine.next_deadline().map(|due| self.clock.until(due));
        let now = self.clock.now();
        let letters = self.letter_watch.due().map(|due| self.clock.until(due));
        [engine, letters, self.ending.next_wake(now), self.progress.next_wake(now)].into_iter().flatten().min()
    }

    /// Carries out orders until there are none, then lets the stores and the executor start.
    fn carry_out(&mut self) {
        loop {
            while let Some(effect) = self.engine.next_effect() {
                self.carry(effect);
            }
            self.send_chunks();
            self.inbox.flush();
            if !self.feed() {
                return;
            }
        }
    }

    fn carry(&mut self, effect: Effect) {
        match effect {
            Effect::ReadLedger { partition, epoch, reading } => self.read_ledger(partition, epoch, reading),
            Effect::CatchUp { partition, epoch, claim: None } => self.begin(partition, epoch),
            Effect::CatchUp { partition, epoch, claim: Some(_) } => self.catch_up(partition, epoch),
            Effect::LookUp(deliveries) => self.look_up(&deliveries),
            Effect::Dispatch(runs) => self.dispatch(&runs, false),
            Effect::DispatchBatch(runs) => self.dispatch(&runs, true),
            Effect::Cancel { delivery } => self.cancel(delivery),
            Effect::Mark(deliveries) => self.mark(&deliveries),
            Effect::DeadLetter(letter) => self.dead_letter(letter),
            Effect::Forget(fates) => self.forget(&fates),
            Effect::Alert(alert) => self.alert(alert),
            Effect::Finished => self.ending.finished(),
            Effect::Claim { partition, epoch, reading, prev } => self.claim(partition, epoch, reading, prev),
            Effect::Record(entry) => self.record(&entry),
            Effect::Remove { partition, epoch, records } => self.remove(partition, epoch, &records),
            Effect::FindOldestLetter { partition, epoch } => self.find_oldest_letter(partition, epoch),
            Effect::FetchLetters(letters) => self.fetch_letters(&letters),
            Effect::Superseded { partition, epoch } => self.superseded(partition, epoch),
            Effect::Reassign { partition, epoch } => self.reassign(partition, epoch),
            Effect::Commit { .. } | Effect::Pause { .. } | Effect::Resume { .. } | Effect::Seek { .. } | Effect::Release { .. } => {
                self.order(&effect);
            }
        }
    }
}
