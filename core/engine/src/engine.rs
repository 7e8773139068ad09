//! Wiring: input → parts → effects.

use std::collections::BTreeMap;

use crate::breaker::Breaker;
use crate::credit::Crowd;
use crate::deadline::{Deadlines, Due};
use crate::delivery::Deliveries;
use crate::gate::{Batches, Gate};
use crate::ids::Epoch;
use crate::lane::Lanes;
use crate::outbox::Outbox;
use crate::partition::Partitions;
use crate::policy::Policy;
use crate::sabotage::{Bugs, Sabotage};
use crate::suspect::Suspects;
use crate::timeout::Timers;
use crate::twin::Twins;
use crate::{Dependency, Effect, EngineSettings, Input, PolicyId, Timestamp};

/// The decisions of one running consumer.
///
/// Facts are taken one by one; runs, commits and whatever time brings are decided when orders are asked for, so that facts that arrive
/// together are answered together. The orders are a function of the sequence of both calls.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) settings: EngineSettings,
    pub(crate) bugs: Bugs,
    pub(crate) now: Timestamp,
    pub(crate) deliveries: Deliveries,
    pub(crate) partitions: Partitions,
    pub(crate) lanes: Lanes,
    pub(crate) twins: Twins,
    pub(crate) deadlines: Deadlines,
    /// One for each policy.
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) open_breakers: u32,
    /// One for each policy.
    pub(crate) gates: Vec<Gate>,
    pub(crate) batches: Batches,
    /// How many reasons there are to look at gates at all: open breakers, suspended policies, and those with a rate or batches.
    pub(crate) restraints: u32,
    pub(crate) timers: Timers,
    pub(crate) suspects: Suspects,
    pub(crate) out: Outbox,
    pub(crate) totals: Totals,
    /// While records are refused for want of room.
    pub(crate) crowd: Option<Crowd>,
    /// Whoever could not have a record of so many bytes more has to give way now.
    pub(crate) crowded: Option<u32>,
    /// One bit per dependency that is down.
    pub(crate) down: u8,
    pub(crate) finish_may_be_due: bool,
    pub(crate) finished: bool,
    /// Letters may have to be looked at.
    pub(crate) replays_due: bool,
    /// The partition whose letters are looked at first.
    pub(crate) look_next: u32,
    /// Partitions that somebody else claimed, until the group says whose they are: the epoch that ended, and when we ask.
    pub(crate) disputes: BTreeMap<u32, (Epoch, Timestamp)>,
}

/// What is in memory over all partitions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) records: u32,
    pub(crate) bytes: u64,
    /// Handlers at work.
    pub(crate) runs: u32,
    /// Lanes with a run in flight: those of one batch share a handler.
    pub(crate) lanes: u32,
    pub(crate) waiting: u32,
    /// Deliveries that have left, ever.
    pub(crate) left: u64,
    /// Letters that are read or handled again, those that are here, and their bytes.
    pub(crate) letters: u32,
    pub(crate) letters_here: u32,
    pub(crate) letter_bytes: u64,
}

/// The engine's numbers. Cheap: nothing is counted for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Deliveries in memory.
    pub records: u32,
    /// Their bytes.
    pub bytes: u64,
    /// How many more records may be handed in now. Zero while a dependency is down.
    pub room_records: u32,
    /// How many more bytes.
    pub room_bytes: u64,
    /// Runs that are being handled.
    pub running: u32,
    /// Deliveries waiting for another attempt.
    pub waiting: u32,
    /// Partitions assigned (draining ones included).
    pub partitions: u32,
    /// Partitions halted by an alert.
    pub halted: u32,
    /// Policies whose breaker is open.
    pub breakers_open: u32,
    /// Handlers that go on although they were cancelled.
    pub stuck: u32,
}

impl Engine {
    /// An engine without partitions.
    #[must_use]
    pub fn new(mut settings: EngineSettings) -> Self {
        if settings.policies.is_empty() {
            settings.policies.push(Policy::default());
        }
        Self {
            breakers: vec![Breaker::default(); settings.policies.len()],
            open_breakers: 0,
            gates: vec![Gate::default(); settings.policies.len()],
            batches: Batches::default(),
            restraints: u32::try_from(settings.policies.iter().filter(|policy| Self::is_gated(policy)).count()).unwrap_or(u32::MAX),
            timers: Timers::default(),
            suspects: Suspects::default(),
            settings,
            bugs: Bugs::default(),
            now: Timestamp(0),
            deliveries: Deliveries::default(),
            partitions: Partitions::default(),
            lanes: Lanes::default(),
            twins: Twins::default(),
            deadlines: Deadlines::default(),
            out: Outbox::default(),
            totals: Totals::default(),
            crowd: None,
            crowded: None,
            down: 0,
            finish_may_be_due: false,
            finished: false,
            replays_due: false,
            look_next: 0,
            disputes: BTreeMap::new(),
        }
    }

    /// Takes one fact. `now` never steps back.
    // Facts are made to be given away; that today's variants hold nothing to move out is not the caller's affair.
    #[allow(clippy::needless_pass_by_value)]
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Fetched(fetched) => self.fetched(&fetched),
            Input::LookedUp { delivery, seen } => self.looked_up(delivery, seen),
            Input::Handled { delivery, outcome } => self.handled(delivery, outcome),
            Input::NotStarted { delivery } => self.not_started(delivery),
            Input::Marked { delivery, result } => self.marked(delivery, result),
            Input::DeadLettered { delivery, letter } => self.dead_lettered(delivery, letter),
            Input::Ledger(read) => self.ledger_read(&read),
            Input::LedgerEnd { partition, epoch, reading } => self.ledger_end(partition, epoch, reading),
            Input::Claimed { partition, epoch, reading, at } => self.claim_acknowledged(partition, epoch, reading, at),
            Input::SentAgain { partition, epoch, offset } => self.sent_again(partition, epoch, offset),
            Input::ClaimFailed { partition, epoch, reading } => self.claim_failed(partition, epoch, reading),
            Input::Removed(gone) => self.record_gone(&gone),
            Input::OldestLetter { partition, epoch, oldest } => self.oldest_letter(partition, epoch, oldest),
            Input::LetterFetched(fetched) => self.letter_fetched(&fetched),
            Input::LetterGone { partition, epoch, offset } => self.letter_gone(partition, epoch, offset),
            Input::Suspects(suspects) => self.suspects(&suspects),
            Input::Assigned(assignment) => self.assigned(assignment),
            Input::CaughtUp { partition, epoch, remembered } => self.caught_up(partition, epoch, remembered),
            Input::Committed { partition, epoch, next } => self.committed(partition, epoch, next),
            Input::CommitFailed { partition, epoch } => self.commit_failed(partition, epoch),
            Input::ReachedEnd { partition, epoch, position } => self.reached_end(partition, epoch, position),
            Input::Gap { partition, epoch, from, to } => self.gap(partition, epoch, from, to),
            Input::Revoking { partition, epoch, deadline } => self.revoking(partition, epoch, deadline),
            Input::Lost { partition, epoch } => self.lost(partition, epoch),
            Input::Down { dependency } => self.set_down(self.down | bit(dependency)),
            Input::Up { dependency } => self.set_down(self.down & !bit(dependency)),
            Input::Suspended { policy } => self.suspend(policy, true),
            Input::Resumed { policy } => self.suspend(policy, false),
            Input::Refused { bytes } => self.refused(bytes),
            Input::Tick => {}
        }
    }

    /// The next order, oldest first; `None` when there is nothing to do until the next input.
    pub fn next_effect(&mut self) -> Option<Effect> {
        if let Some(effect) = self.out.pop() {
            return Some(effect);
        }
        while let Some(due) = self.deadlines.pop(self.now) {
            match due {
                Due::Attempt(slot) => self.wait_is_over(slot),
                Due::Commit(partition) if self.asks_the_group(partition) => {}
                Due::Commit(partition) => self.commit(partition),
                Due::Drained(partition) => self.drain_timed_out(partition),
                // Dispatch looks at the clock itself.
                Due::Probe(_) => {}
                Due::BreakerLimit(policy) => self.breaker_limit(policy),
                Due::Gate(policy) => self.rate_is_due(policy),
                Due::Replay(partition) => self.pace_is_due(partition),
                Due::Crowd => self.look_at_the_crowd(),
                Due::Clean(partition) => self.clean_is_due(partition),
                Due::Dispute(partition) => self.dispute_is_due(partition),
            }
        }
        self.check_timers();
        self.look_at_the_room();
        self.look_for_letters();
        self.finish();
        self.out.pop().or_else(|| self.dispatch())
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next().into_iter().chain(self.next_timeout()).min()
    }

    /// The numbers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (room_records, room_bytes) = self.room();
        Snapshot {
            records: self.totals.records,
            bytes: self.totals.bytes,
            room_records,
            room_bytes,
            running: self.totals.runs,
            waiting: self.totals.waiting,
            partitions: self.partitions.assigned,
            halted: self.partitions.halted,
            breakers_open: self.open_breakers,
            stuck: self.timers.stuck_alone.saturating_add(self.batches.stuck),
        }
    }

    /// Switches on a deliberate bug: for tests of tests.
    #[doc(hidden)]
    pub fn sabotage(&mut self, bug: Sabotage) {
        self.bugs.add(bug);
    }

    /// A policy; the first one for a number that nobody configured.
    #[inline]
    pub(crate) fn policy(&self, id: PolicyId) -> &Policy {
        self.settings.policies.get(id.0 as usize).unwrap_or(&self.settings.policies[0])
    }
}

fn bit(dependency: Dependency) -> u8 {
    match dependency {
        Dependency::Inbox => 1,
        Dependency::Producer => 2,
        Dependency::Outbox => 4,
    }
}
