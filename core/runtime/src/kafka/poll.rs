//! The poll thread: the only one that touches the consumer's queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use onceward_engine::{Offset, Rejection};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use super::commit::Commits;
use super::context::{self, Context};
use super::disown::Disowned;
use super::fault::{self, Fault};
use super::flow::Waker;
use super::identity::Identifier;
use super::rebalance::Rebalance;
use super::start::{Answer, Asker, Question};
use super::sys::{self, Event, EventKind, Queue, RawRecord};
use super::table::{State, Table};
use super::{BatchBuilder, SourceFact, SourceOrder, SourceSettings, SourceSink};
use crate::Error;

/// How long a poll may block: timers are looked at this often.
const IDLE: Duration = Duration::from_millis(10);
/// How long a full driver is waited for before polling goes on into stashes: a rebalance must not wait for it.
const PATIENCE: Duration = Duration::from_millis(20);
/// How often it is looked how far the logs reach.
const ENDS: Duration = Duration::from_secs(1);
/// How often a broker is asked whether it is back.
const PROBE: Duration = Duration::from_secs(1);

pub(super) struct Poll {
    pub(super) settings: SourceSettings,
    pub(super) identifiers: Vec<Identifier>,
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) queue: Queue,
    orders: Receiver<SourceOrder>,
    pub(super) waker: Arc<Waker>,
    pub(super) sink: SourceSink,
    pub(super) asker: Asker,
    pub(super) table: Table,
    pub(super) rebalance: Rebalance,
    pub(super) disowned: Disowned,
    pub(super) commits: Commits,
    builder: BatchBuilder,
    /// Batches handed over so far; the waker counts those taken off.
    pub(super) handed: u64,
    /// Since when the driver is full.
    full_since: Option<Instant>,
    /// Whether everything goes to stashes because the driver is full.
    spilling: bool,
    /// Whose stash had its turn last.
    pub(super) turn: usize,
    /// When to ask next whether a broker is back; `None` while they answer.
    probe_at: Option<Instant>,
    /// When to look next how far the logs reach.
    ends_at: Instant,
    /// A consumer that can't go on says so once.
    pub(super) failed: bool,
}

impl Poll {
    pub(super) fn new(
        settings: SourceSettings,
        consumer: BaseConsumer<Context>,
        queue: Queue,
        orders: Receiver<SourceOrder>,
        waker: Arc<Waker>,
        sink: SourceSink,
    ) -> Result<Self, Error> {
        let consumer = Arc::new(consumer);
        let asker = Asker::start(Arc::clone(&consumer), settings.group.clone(), &settings.topics, Arc::clone(&waker))?;
        Ok(Self {
            identifiers: settings.topics.iter().map(|topic| Identifier::new(&settings.group, topic)).collect(),
            table: Table::new(&settings.topics),
            settings,
            consumer,
            queue,
            orders,
            waker,
            sink,
            asker,
            rebalance: Rebalance::default(),
            disowned: Disowned::default(),
            commits: Commits::default(),
            builder: BatchBuilder::default(),
            handed: 0,
            full_since: None,
            spilling: false,
            turn: 0,
            probe_at: None,
            ends_at: Instant::now() + ENDS,
            failed: false,
        })
    }

    pub(super) fn run(mut self) {
        loop {
            if let Some(deadline) = self.take_orders() {
                return self.close(deadline);
            }
            self.take_answers();
            self.serve_rebalance();
            self.serve_probe();
            self.serve_ends();
            self.serve_stashes();
            self.serve_pauses();
            if !self.waits_for_driver() {
                self.fill();
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.handed.saturating_sub(self.waker.taken()) >= self.settings.batches_ahead as u64
    }

    /// The driver is behind. A short wait costs nothing; after it polling goes on, so that the group sees us alive.
    fn waits_for_driver(&mut self) -> bool {
        if !self.is_full() {
            (self.full_since, self.spilling) = (None, false);
            return false;
        }
        let waited = self.full_since.get_or_insert_with(Instant::now).elapsed();
        self.spilling = waited >= PATIENCE;
        if !self.spilling {
            self.waker.wait(PATIENCE.saturating_sub(waited));
        }
        !self.spilling
    }

    /// Collects what is queued, up to one batch; waits when there is nothing.
    fn fill(&mut self) {
        let mut polled = 0;
        while polled < self.settings.batch_records && self.builder.bytes() < self.settings.batch_bytes {
            let Some(event) = self.queue.poll(Duration::ZERO) else { break };
            self.handle(&event);
            polled += 1;
        }
        self.hand_over();
        if polled == 0 {
            self.poll_blocking();
        }
    }

    fn poll_blocking(&mut self) {
        self.waker.begin_poll();
        let idle = self.orders.is_empty() && self.asker.answers.is_empty();
        let event = self.queue.poll(if idle { IDLE } else { Duration::ZERO });
        self.waker.end_poll();
        if let Some(event) = event {
            self.handle(&event);
        }
    }

    /// Hands over what was collected: before any fact that must not overtake it.
    pub(super) fn hand_over(&mut self) {
        if !self.builder.is_empty() {
            self.handed += 1;
            (self.sink)(SourceFact::Batch(self.builder.take()));
        }
    }

    /// Says something that must not overtake the partition's records.
    pub(super) fn say_in_order(&mut self, index: usize, fact: SourceFact) {
        let stash = &mut self.table.slots[index].stash;
        if !stash.is_empty() {
            return stash.push(fact);
        }
        self.hand_over();
        self.say(fact);
    }

    pub(super) fn say(&self, fact: SourceFact) {
        (self.sink)(fact);
    }

    pub(super) fn fail(&mut self, error: Error) {
        if !self.failed {
            self.failed = true;
            self.say(SourceFact::Fatal(error));
        }
    }

    fn handle(&mut self, event: &Event) {
        match event.kind() {
            EventKind::Record => {
                if let Some(record) = event.record() {
                    self.record(&record);
                }
            }
            EventKind::Error => self.error(event),
            EventKind::Rebalance => self.rebalanced(event),
            EventKind::Commit => self.committed(event),
            EventKind::Log => {
                if let Some((level, facility, line)) = event.log() {
                    context::log(level, &facility, &line);
                }
            }
            EventKind::Other => {}
        }
    }

    fn record(&mut self, record: &RawRecord<'_>) {
        // What lies behind the record at which the run ends must not be taken in: the watermark would pass that record.
        if self.failed {
            return;
        }
        let Some(index) = self.table.find(record.topic(), record.partition()) else { return };
        let slot = &mut self.table.slots[index];
        // What arrives while a partition is given back is read by its next owner; what was fetched before a seek is read again.
        if slot.state != State::Active || slot.seek.is_some() {
            return;
        }
        slot.position = record.offset().saturating_add(1);
        let waits = self.spilling || slot.held || !slot.stash.is_empty();
        let builder = if waits { slot.stash.builder(&mut self.builder) } else { &mut self.builder };
        builder.begin(record.key(), record.value());
        let whole = record.headers(|name, value| builder.header(name, value));
        let offset = Offset(record.offset());
        let policy = self.settings.topics[slot.topic].policy;
        let (identifier, place) = (&self.identifiers[slot.topic], (&*slot.place.0, slot.place.1));
        let mut meta = match identifier.meta(&builder.begun(), (slot.id, slot.epoch, offset), policy, place) {
            Ok(meta) => meta,
            // Not taken in: it is read again after the next start.
            Err(error) => return self.fail(error),
        };
        (meta.timestamp, meta.append_time) = record.timestamp();
        if !whole {
            meta.refused = Some(Rejection::Undecodable);
        }
        builder.finish(meta);
    }

    fn error(&mut self, event: &Event) {
        let Some(code) = event.error() else { return };
        let place = event.place();
        if code == RDKafkaErrorCode::PartitionEOF {
            if let Some(place) = place {
                self.reached_end(&place.topic, place.partition, place.offset);
            }
            return;
        }
        let name = place.as_ref().map_or_else(|| format!("as group {}", self.settings.group), |place| place.topic.clone());
        let reason = event.reason();
        match fault::sort(code, event.is_fatal(), &reason, &name) {
            Fault::Down => {
                if self.probe_at.is_none() {
                    self.probe_at = Some(Instant::now() + PROBE);
                    self.say(SourceFact::BrokersDown { why: reason });
                }
            }
            Fault::OutOfRange => {
                if let Some(index) = place.and_then(|place| self.table.find(place.topic.as_bytes(), place.partition)) {
                    self.table.slots[index].stopped = true;
                    self.asker.ask(Question::Ends { place: self.table.slots[index].place.clone() });
                }
            }
            // An outage of the token endpoint that outlasts the token: the client goes on trying, and is let in with the next one.
            Fault::Fatal(_) if code == RDKafkaErrorCode::Authentication && self.queue.token_expired() => {
                tracing::warn!(target: "onceward", why = %reason, "the token has expired and the endpoint gives no other; waiting for one, nothing is lost");
            }
            // Deleted by somebody who need not know of the pattern.
            Fault::Fatal(_) if is_unknown(code) && self.is_about_found(&name, &reason) => {
                tracing::warn!(target: "onceward", why = %reason, "a topic that a pattern found is gone; the others go on");
            }
            Fault::Fatal(error) => self.fail(error),
            Fault::Passing => tracing::warn!(target: "librdkafka", error = %code, "{reason}"),
        }
    }

    fn reached_end(&mut self, topic: &str, partition: i32, position: i64) {
        let Some(index) = self.table.find(topic.as_bytes(), partition) else { return };
        let slot = &mut self.table.slots[index];
        if !self.failed && slot.state == State::Active && slot.seek.is_none() {
            slot.position = slot.position.max(position);
            let fact = SourceFact::ReachedEnd { partition: slot.id, epoch: slot.epoch, position: Offset(position) };
            self.say_in_order(index, fact);
        }
    }

    /// Carries orders out; the deadline if one of them was to close.
    fn take_orders(&mut self) -> Option<Duration> {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                SourceOrder::Pause { partition, epoch } => self.hold(partition, epoch, true),
                SourceOrder::Resume { partition, epoch } => self.hold(partition, epoch, false),
                SourceOrder::Seek { partition, epoch, to } => {
                    if let Some(slot) = self.table.live(partition, epoch) {
                        slot.seek = Some(to.0);
                        slot.stash.clear();
                    }
                }
                SourceOrder::Commit { partition, epoch, next } => self.want_commit(partition, epoch, next),
                SourceOrder::Release { partition, epoch } => self.release(partition, epoch),
                SourceOrder::Disown { partition, epoch } => self.disown(partition, epoch),
                SourceOrder::Reassign { partition, epoch } => self.reassign(partition, epoch),
                SourceOrder::Subscribe(topics) => self.subscribe(topics),
                SourceOrder::Close { deadline } => {
                    self.send_commits();
                    return Some(deadline);
                }
            }
        }
        self.serve_seeks();
        self.send_commits();
        None
    }

    fn take_answers(&mut self) {
        while let Ok(answer) = self.asker.answers.try_recv() {
            match answer {
                Answer::Start { number, starts } => match self.disowned.take(number) {
                    Some(asked) => self.begin_again(asked, &starts),
                    None => self.start_partitions(number, &starts),
                },
                Answer::Ends { place: (topic, partition), oldest, end } => self.out_of_range(&topic, partition, oldest, end),
                Answer::Alive => {}
                Answer::Slow(text) => {
                    self.say(SourceFact::notice(text));
                    continue;
                }
                Answer::Fatal(error) => {
                    self.fail(error);
                    continue;
                }
            }
            self.alive();
        }
    }

    /// A broker answered a question that was asked after they had gone. Records are no proof: they may have been prefetched.
    pub(super) fn alive(&mut self) {
        if self.probe_at.take().is_some() {
            self.say(SourceFact::BrokersUp);
        }
    }

    /// Every fetch answer says where the log ends, so nobody is asked for it.
    fn serve_ends(&mut self) {
        let now = Instant::now();
        if now < self.ends_at {
            return;
        }
        self.ends_at = now + ENDS;
        let client = self.consumer.client().native_ptr();
        for index in 0..self.table.slots.len() {
            let slot = &mut self.table.slots[index];
            if slot.state == State::Active
                && let Some(newest) = sys::known_end(client, &slot.place.0, slot.place.1).filter(|newest| *newest > slot.newest)
            {
                slot.newest = newest;
                let fact = SourceFact::Grown { partition: slot.id, epoch: slot.epoch, newest: Offset(newest) };
                self.say(fact);
            }
        }
    }

    fn serve_probe(&mut self) {
        if let Some(at) = self.probe_at
            && at <= Instant::now()
        {
            self.asker.ask(Question::Alive);
            self.probe_at = Some(Instant::now() + PROBE);
        }
    }
}

/// Nobody knows the topic: it is gone, or not there yet.
pub(super) fn is_unknown(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownPartition)
}
