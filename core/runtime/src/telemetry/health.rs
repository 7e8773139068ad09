//! What a supervisor asks: is it alive, is it ready, has it started. Written by the driver, answered by the health listener.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onceward_engine::{Dependency, Epoch, PartitionId};
use serde::Serialize;

use super::Metrics;
use super::pulse::Pulse;

/// Seconds without a turn after which a thread counts as dead. More than any deadline within which the driver closes something.
const STUCK: u32 = 30;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
enum Phase {
    /// Topics are checked, the inbox is opened.
    Starting,
    /// The loop turns.
    Running,
    /// Draining and closing, each with a deadline.
    Stopping,
}

/// Why an answer is no, or what a person should know although it is yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Reason {
    /// One word for programs.
    code: &'static str,
    /// For people.
    text: String,
}

/// The body of an answer: one stable document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    /// `ok` or `unavailable`.
    status: &'static str,
    phase: Phase,
    partitions: u64,
    reasons: Vec<Reason>,
    /// Left out when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Reason>,
}

impl Answer {
    pub(crate) fn ok(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// The health of one run.
#[derive(Debug)]
pub(crate) struct Health {
    metrics: Arc<Metrics>,
    phase: AtomicU8,
    /// The first assignment has caught up. Stays.
    started: AtomicBool,
    /// Assigned partitions whose marks are still being looked up.
    catching_up: Mutex<HashMap<PartitionId, Epoch>>,
    pub(crate) driver: Pulse,
    pub(crate) poll: Arc<Pulse>,
    /// Seconds without a beat, as the watcher last saw.
    driver_missed: AtomicU32,
    poll_missed: AtomicU32,
    /// Seconds since a handler call ended while others than stuck ones should.
    handlers_missed: AtomicU32,
    limits: Limits,
}

/// What handlers may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Runs in flight.
    pub(crate) concurrency: u32,
    /// The longest `handler_timeout`, in seconds.
    pub(crate) timeout: u32,
}

impl Health {
    pub(crate) fn new(metrics: Arc<Metrics>, limits: Limits) -> Self {
        Self {
            metrics,
            phase: AtomicU8::new(Phase::Starting as u8),
            started: AtomicBool::new(false),
            catching_up: Mutex::default(),
            driver: Pulse::default(),
            poll: Arc::default(),
            driver_missed: AtomicU32::new(0),
            poll_missed: AtomicU32::new(0),
            handlers_missed: AtomicU32::new(0),
            limits,
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The loop turns.
    pub(crate) fn running(&self) {
        self.phase.store(Phase::Running as u8, Ordering::Relaxed);
    }

    /// Draining begins.
    pub(crate) fn stopping(&self) {
        self.phase.store(Phase::Stopping as u8, Ordering::Relaxed);
    }

    pub(crate) fn assigned(&self, partition: PartitionId, epoch: Epoch) {
        self.catching_up().insert(partition, epoch);
    }

    pub(crate) fn caught_up(&self, partition: PartitionId, epoch: Epoch) {
        if self.left(partition, epoch) {
            self.started.store(true, Ordering::Relaxed);
        }
    }

    /// The assignment is over. Whether nothing catches up any more.
    pub(crate) fn left(&self, partition: PartitionId, epoch: Epoch) -> bool {
        let mut catching_up = self.catching_up();
        if catching_up.get(&partition) == Some(&epoch) {
            catching_up.remove(&partition);
        }
        catching_up.is_empty()
    }

    pub(super) fn missed(&self, driver: u32, poll: u32, handlers: u32) {
        self.driver_missed.store(driver, Ordering::Relaxed);
        self.poll_missed.store(poll, Ordering::Relaxed);
        self.handlers_missed.store(handlers, Ordering::Relaxed);
    }

    /// A count that rises while handlers get on: calls that ended, and every look at which none is due.
    pub(super) fn handled(&self, idle: &mut u64) -> u64 {
        let (running, stuck) = self.metrics.handlers();
        if stuck == 0 || running <= stuck {
            *idle = idle.wrapping_add(1);
        }
        self.metrics.attempts().wrapping_add(*idle)
    }

    fn catching_up(&self) -> MutexGuard<'_, HashMap<PartitionId, Epoch>> {
        self.catching_up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Starting,
            1 => Phase::Running,
            _ => Phase::Stopping,
        }
    }

    /// Whether the process is worth keeping. A dependency that is down is no reason to kill it: nothing would be better after that.
    ///
    /// A stuck handler alone is none either: its key waits, everything else goes on, and a new process would run into it again. It is
    /// told in a note. When stuck handlers leave nothing to the others, a new process is better: it handles what is not stuck.
    pub(crate) fn live(&self) -> Answer {
        let mut reasons = Vec::new();
        // Before and after, the loop does not turn, and each step has a deadline of its own.
        if self.phase() == Phase::Running {
            for (code, missed) in [("driver", &self.driver_missed), ("poll", &self.poll_missed)] {
                let missed = missed.load(Ordering::Relaxed);
                if missed >= STUCK {
                    let text = format!("the {code} thread has not turned for {missed} s; end this process, nothing is lost by it");
                    reasons.push(Reason { code, text });
                }
            }
        }
        let mut notes = Vec::new();
        let (_, stuck) = self.metrics.handlers();
        if stuck > 0 {
            let text = format!("{stuck} handlers are past their handler_timeout and can't be stopped; their keys wait, the log names them");
            notes.push(Reason { code: "stuck", text });
        }
        let waited = self.handlers_missed.load(Ordering::Relaxed);
        // Who is not stuck ends, or becomes stuck, within the timeout.
        let starved = waited >= self.limits.timeout.saturating_add(STUCK);
        if self.phase() == Phase::Running && (stuck >= u64::from(self.limits.concurrency).max(1) || starved) {
            let text = format!("{stuck} handlers are stuck and keep all others from running; end this process, nothing is lost by it");
            reasons.push(Reason { code: "handlers", text });
        }
        Answer { notes, ..self.answer(reasons) }
    }

    /// Whether events are being handled, or would be if there were any.
    pub(crate) fn ready(&self) -> Answer {
        let mut reasons = Vec::new();
        let mut no = |code, text: &str| reasons.push(Reason { code, text: text.to_owned() });
        match self.phase() {
            Phase::Starting => no("starting", "topics are checked and the inbox is opened"),
            Phase::Stopping => no("stopping", "no new events; what runs is awaited"),
            Phase::Running => {}
        }
        let partitions = self.metrics.partitions();
        if self.phase() == Phase::Running && partitions == 0 && !self.poll.on_standby() {
            no("unassigned", "no partition is assigned: the group is being joined, or no broker answers");
        }
        if self.metrics.are_brokers_down() {
            no("brokers", "no broker answers; it goes on by itself when one does");
        }
        for (dependency, code, text) in [
            (Dependency::Inbox, "inbox", "the inbox can't write; consumption is paused until it can"),
            (Dependency::Producer, "producer", "dead letters and publishes are not acknowledged; consumption is paused until they are"),
        ] {
            if self.metrics.is_paused(dependency) {
                no(code, text);
            }
        }
        if self.metrics.is_paused_by_registry() {
            no("registry", "the schema registry has no answer; topics that need it are paused until it has");
        }
        let halted = self.metrics.halted();
        if halted > 0 {
            no("halted", &format!("{halted} partitions are halted; the log says why and what to do"));
        }
        let mut notes = Vec::new();
        let left_out = self.metrics.left_out();
        if left_out > 0 {
            let text = format!("{left_out} topics that a pattern matches are left out; the log says why, and they join by themselves");
            notes.push(Reason { code: "left_out", text });
        }
        Answer { notes, ..self.answer(reasons) }
    }

    /// Whether the first assignment has caught up with the inbox. It stays yes: a later rebalance is no new start.
    pub(crate) fn started(&self) -> Answer {
        let mut reasons = Vec::new();
        let standby = self.phase() == Phase::Running && self.metrics.partitions() == 0 && self.poll.on_standby();
        if !self.started.load(Ordering::Relaxed) && !standby {
            let catching_up = self.catching_up().len();
            let text = match (self.phase(), catching_up) {
                (Phase::Starting, _) => "topics are checked and the inbox is opened".to_owned(),
                (_, 0) => "the group is being joined".to_owned(),
                (_, partitions) => format!("{partitions} partitions are catching up with the inbox"),
            };
            reasons.push(Reason { code: "starting", text });
        }
        self.answer(reasons)
    }

    fn answer(&self, reasons: Vec<Reason>) -> Answer {
        let status = if reasons.is_empty() { "ok" } else { "unavailable" };
        Answer { status, phase: self.phase(), partitions: self.metrics.partitions(), reasons, notes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { concurrency: 4, timeout: 60 };

    fn codes(answer: &Answer) -> Vec<&'static str> {
        answer.reasons.iter().map(|reason| reason.code).collect()
    }

    #[test]
    fn a_dependency_that_is_down_makes_unready_and_never_dead() {
        let metrics = Arc::new(Metrics::default());
        let health = Health::new(Arc::clone(&metrics), LIMITS);
        health.running();
        metrics.paused(Dependency::Inbox, true);
        metrics.brokers_down(true);
        assert_eq!(codes(&health.live()), Vec::<&str>::new());
        assert_eq!(codes(&health.ready()), ["unassigned", "brokers", "inbox"]);
    }

    #[test]
    fn a_topic_that_is_left_out_is_told_and_keeps_nobody_from_being_ready() {
        let metrics = Arc::new(Metrics::default());
        let health = Health::new(Arc::clone(&metrics), LIMITS);
        health.running();
        health.poll.rebalanced(false);
        metrics.topics_left_out(2);
        let answer = health.ready();
        assert!(answer.ok() && answer.notes[0].code == "left_out" && answer.notes[0].text.starts_with("2 topics"), "{answer:?}");
        metrics.topics_left_out(0);
        assert!(health.ready().notes.is_empty());
    }

    #[test]
    fn stuck_handlers_are_told_and_end_the_process_only_when_they_leave_nothing_to_others() {
        let metrics = Arc::new(Metrics::default());
        let health = Health::new(Arc::clone(&metrics), LIMITS);
        health.running();
        let snapshot = |running, stuck| onceward_engine::Snapshot { running, stuck, ..onceward_engine::Snapshot::default() };
        let inbox = crate::inbox::InboxStats::default();
        metrics.observe(&snapshot(3, 1), &inbox);
        let answer = health.live();
        assert!(answer.ok() && answer.notes[0].code == "stuck", "{answer:?}");
        health.missed(0, 0, LIMITS.timeout + STUCK);
        assert_eq!(codes(&health.live()), ["handlers"], "no worker is left for those that wait");
        health.missed(0, 0, 0);
        metrics.observe(&snapshot(LIMITS.concurrency, LIMITS.concurrency), &inbox);
        assert_eq!(codes(&health.live()), ["handlers"], "no place is left");
        metrics.observe(&snapshot(0, 0), &inbox);
        assert!(health.live().ok() && health.live().notes.is_empty());
    }

    #[test]
    fn only_handlers_that_should_end_are_waited_for() {
        let metrics = Arc::new(Metrics::default());
        let health = Health::new(Arc::clone(&metrics), LIMITS);
        let (mut watch, mut idle) = (super::super::pulse::Watch::default(), 0);
        let mut look = |running, stuck| {
            let snapshot = onceward_engine::Snapshot { running, stuck, ..onceward_engine::Snapshot::default() };
            metrics.observe(&snapshot, &crate::inbox::InboxStats::default());
            watch.look(health.handled(&mut idle))
        };
        assert_eq!((look(0, 0), look(5, 0), look(1, 1)), (0, 0, 0), "idle, slow, and nobody else there");
        assert_eq!((look(2, 1), look(2, 1)), (1, 2), "one waits behind a stuck one");
        metrics.attempt(false);
        assert_eq!(look(2, 1), 0, "it ended");
    }

    #[test]
    fn a_thread_that_does_not_turn_is_dead_while_the_loop_should_turn() {
        let health = Health::new(Arc::default(), LIMITS);
        health.missed(STUCK, 0, 0);
        assert!(health.live().ok(), "a start may take long");
        health.running();
        assert_eq!(codes(&health.live()), ["driver"]);
        health.missed(STUCK - 1, STUCK, 0);
        assert_eq!(codes(&health.live()), ["poll"]);
        health.stopping();
        assert!(health.live().ok(), "each step of the end has a deadline");
    }

    #[test]
    fn the_first_assignment_starts_and_later_ones_do_not_end_that() {
        let health = Health::new(Arc::default(), LIMITS);
        health.running();
        let (one, other, epoch) = (PartitionId(1), PartitionId(2), Epoch(7));
        health.assigned(one, epoch);
        health.assigned(other, epoch);
        health.caught_up(one, epoch);
        assert!(!health.started().ok(), "the other one is still catching up");
        health.caught_up(other, Epoch(6));
        assert!(!health.started().ok(), "of a past epoch");
        health.caught_up(other, epoch);
        assert!(health.started().ok());
        health.assigned(one, Epoch(8));
        assert!(health.started().ok());
    }

    #[test]
    fn a_member_without_partitions_stands_by_and_is_fine() {
        let health = Health::new(Arc::default(), LIMITS);
        health.running();
        assert!(!health.started().ok() && !health.ready().ok(), "nobody has answered yet");
        health.poll.rebalanced(false);
        assert!(health.started().ok() && health.ready().ok());
    }
}
