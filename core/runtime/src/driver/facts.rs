//! Facts from outside, in the engine's terms.

use onceward_engine::{Assignment, Dependency, Input, Offset, Outcome};

use super::feed::Arrived;
use super::partitions::Entry;
use super::{Driver, Fact};
use crate::Error;
use crate::event::one_line;
use crate::executor::Completion;
use crate::inbox::{InboxFact, Marked};
use crate::kafka::{SourceFact, SourceOrder};
use crate::letter::ProducerFact;

impl Driver {
    /// Hands one fact to the engine.
    pub(crate) fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Source(fact) => self.take_source(fact),
            Fact::Completed(completions) => self.take_completions(completions),
            Fact::Inbox(fact) => self.take_inbox(fact),
            Fact::Producer(fact) => self.take_producer(fact),
            Fact::Archive(fact) => self.take_archive(fact),
            Fact::Suspend { topic, suspended } => self.suspend(&topic, suspended),
            Fact::Registry { topic, away } => self.registry(&topic, away.as_deref()),
            Fact::Pulse => self.health.driver.beat(),
            Fact::Stop => {
                tracing::info!(target: "onceward", in_flight = self.engine.snapshot().records, "stopping: no new events, waiting for handlers that run");
                self.ending.ask();
            }
        }
    }

    fn suspend(&mut self, topic: &str, suspended: bool) {
        tracing::info!(target: "onceward", %topic, "{}", if suspended { "paused by request: no handler of it starts" } else { "resumed by request" });
        if suspended {
            self.suspended.insert(topic.to_owned());
        } else {
            self.suspended.remove(topic);
        }
        self.metrics.paused_by_request(!self.suspended.is_empty());
        self.hold_or_go_on(topic);
    }

    fn registry(&mut self, topic: &str, away: Option<&str>) {
        if let Some(why) = away {
            tracing::error!(target: "onceward", %topic, why = %one_line(why),
                "the schema registry has no answer: the topic is paused until it has one; nothing is given up for it");
            self.schemaless.insert(topic.to_owned());
        } else {
            tracing::info!(target: "onceward", %topic, "the schema registry answers again");
            self.schemaless.remove(topic);
        }
        self.metrics.paused_by_registry(!self.schemaless.is_empty());
        self.hold_or_go_on(topic);
    }

    /// Whether nothing of a topic starts, whoever wants it so.
    pub(super) fn is_suspended(&self, topic: &str) -> bool {
        self.suspended.contains(topic) || self.schemaless.contains(topic)
    }

    fn hold_or_go_on(&mut self, topic: &str) {
        let now = self.clock.now();
        let suspended = self.is_suspended(topic);
        for (partition, _) in self.partitions.live() {
            if let Some(entry) = self.partitions.get(partition).filter(|entry| &*entry.place.called == topic) {
                entry.place.pause(suspended);
            }
        }
        for policy in self.routes.of_topic(topic) {
            let input = if suspended { Input::Suspended { policy } } else { Input::Resumed { policy } };
            self.engine.handle(now, input);
        }
    }

    /// Partitions that waited for their companions are caught up with, and handled.
    fn widened(&mut self, topic: &str) {
        for (partition, epoch) in self.partitions.widen(topic) {
            if let Some(name) = self.partitions.name(partition) {
                tracing::info!(target: "onceward", %topic, partition = name.number, "its companions fit: it is handled from now on");
                self.begin(partition, epoch);
            }
        }
    }

    fn take_source(&mut self, fact: SourceFact) {
        let now = self.clock.now();
        let input = match fact {
            SourceFact::Batch(batch) => {
                self.intake.arrived.push_back(Arrived::Batch(batch));
                return;
            }
            SourceFact::Assigned { partition, epoch, name, from, committed, oldest, newest, policy, grown } => {
                tracing::info!(target: "onceward", topic = %name.topic, partition = name.number, from = from.0, epoch = epoch.0, "partition assigned");
                let Some(place) = self.letters.place(&name) else {
                    // The source takes no partition of such a topic. Passed over in silence, it would never be given back.
                    let error = Error::Broker {
                        what: format!("taking {}/{} over", name.topic, name.number),
                        cause: "the group assigned a topic that was not subscribed".to_owned(),
                        cure: "This is a bug of Onceward: please report it with the log".to_owned(),
                    };
                    tracing::error!(target: "onceward", %error, "this run ends");
                    self.ending.fail(error);
                    return;
                };
                if let Some(before) = self.partitions.get(partition).map(|entry| entry.epoch) {
                    self.over(partition, before);
                }
                place.pause(self.is_suspended(&place.called));
                let ledger = self.letters.ledger(&name.topic).is_some();
                self.health.assigned(partition, epoch);
                self.tell_suspects(partition, &place);
                self.partitions.assign(partition, Entry { place, name, epoch, from, newest, refused: None, live: true, narrow: grown });
                Input::Assigned(Assignment { partition, epoch, from, committed, oldest, policy, ledger })
            }
            SourceFact::ReachedEnd { partition, epoch, position } => {
                self.intake.arrived.push_back(Arrived::Behind(partition, Input::ReachedEnd { partition, epoch, position }));
                return;
            }
            SourceFact::Gap { partition, epoch, from, to } => {
                self.intake.arrived.push_back(Arrived::Behind(partition, Input::Gap { partition, epoch, from, to }));
                return;
            }
            SourceFact::Grown { partition, epoch, newest } => {
                self.partitions.grown(partition, epoch, newest);
                return;
            }
            SourceFact::Revoking { partition, epoch } if self.unreadable.has(partition, epoch) => {
                // Nothing of it is here that could be drained.
                self.unreadable.left(partition);
                self.health.left(partition, epoch);
                self.source.order(SourceOrder::Release { partition, epoch });
                return;
            }
            SourceFact::Revoking { partition, epoch } => {
                let deadline = now.after(u64::try_from(self.drain.as_millis()).unwrap_or(u64::MAX));
                tracing::info!(target: "onceward", partition = %self.partitions.display(partition), epoch = epoch.0, "partition revoked: draining");
                self.partitions.stop_starting(partition, epoch);
                self.health.left(partition, epoch);
                Input::Revoking { partition, epoch, deadline }
            }
            SourceFact::Lost { partition, epoch } => {
                self.unreadable.left(partition);
                tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), epoch = epoch.0,
                    "partition lost: what was in flight may be handled again by its new owner");
                self.over(partition, epoch);
                self.leave_ledger(partition, epoch);
                self.health.left(partition, epoch);
                self.inbox.release(partition, epoch);
                Input::Lost { partition, epoch }
            }
            SourceFact::Committed { partition, epoch, next, error: None } => {
                self.inbox.committed(partition, epoch, next);
                Input::Committed { partition, epoch, next }
            }
            SourceFact::Committed { partition, epoch, next, error: Some(error) } => {
                // While a partition is being given back it is tried many times in a row: one line says it.
                if self.partitions.refused(partition, epoch, next) {
                    tracing::warn!(target: "onceward", partition = %self.partitions.display(partition), offset = next.0, %error,
                        "commit failed; it is tried again for as long as the partition is ours");
                }
                Input::CommitFailed { partition, epoch }
            }
            SourceFact::Wide { topic } => {
                self.widened(&topic);
                return;
            }
            SourceFact::Joined { topic } => {
                tracing::info!(target: "onceward", topic = %topic.name, pattern = topic.called(), "a topic that a pattern matches is consumed from now on");
                self.letters.add(&topic);
                return;
            }
            SourceFact::Widened { topic } => {
                tracing::warn!(target: "onceward", %topic,
                    "the topic has grown: its new partitions are read from their beginning. Keys that moved to one of them are not in order with their past");
                return;
            }
            SourceFact::BrokersDown { why } => {
                tracing::warn!(target: "onceward", %why, "no broker answers; waiting, nothing is lost");
                self.metrics.brokers_down(true);
                return;
            }
            SourceFact::BrokersUp => {
                tracing::info!(target: "onceward", "a broker answers again");
                self.metrics.brokers_down(false);
                return;
            }
            SourceFact::Notice { text } => {
                tracing::info!(target: "onceward", "{text}");
                return;
            }
            SourceFact::Fatal(error) => {
                self.ending.fail(error);
                return;
            }
            SourceFact::Closed => {
                self.ending.closed();
                return;
            }
        };
        // A partition that is assigned while we stop is given back at once.
        let late = matches!(input, Input::Assigned(_)) && self.ending.begun();
        let assigned = if let Input::Assigned(assignment) = &input { Some((assignment.partition, assignment.epoch)) } else { None };
        self.engine.handle(now, input);
        if let (true, Some((partition, epoch))) = (late, assigned) {
            self.engine.handle(now, Input::Revoking { partition, epoch, deadline: now });
        }
    }

    fn take_completions(&mut self, completions: Vec<Completion>) {
        let now = self.clock.now();
        for completion in completions {
            let delivery = completion.delivery;
            let Some(payload) = self.payloads.get_mut(delivery) else { continue };
            let Some(outcome) = completion.outcome else {
                self.engine.handle(now, Input::NotStarted { delivery });
                continue;
            };
            self.metrics.attempt(payload.attempt > 1);
            if outcome == Outcome::Cancelled
                && let Some(report) = &completion.failure
            {
                self.ending.fail(Error::Halted(report.message.clone()));
            }
            payload.run = completion.run;
            payload.statements = completion.statements;
            payload.publishes = completion.publishes;
            if completion.failure.is_some() {
                payload.failure = completion.failure;
            }
            if matches!(outcome, Outcome::Retry { .. }) {
                self.last_failure.clone_from(&payload.failure);
                self.payloads.detach(delivery);
                self.metrics.failed_attempt();
            }
            if outcome != Outcome::Cancelled {
                self.acquit(delivery);
            }
            self.engine.handle(now, Input::Handled { delivery, outcome });
        }
    }

    fn take_inbox(&mut self, fact: InboxFact) {
        let now = self.clock.now();
        match fact {
            InboxFact::LookedUp(answers) => {
                for (delivery, seen) in answers {
                    self.engine.handle(now, Input::LookedUp { delivery, seen });
                }
            }
            InboxFact::Marked(marks) => {
                for Marked { delivery, result, error } in marks {
                    if let Some(message) = error
                        && let Some(payload) = self.payloads.get_mut(delivery)
                    {
                        let kind = "EffectFailed".to_owned();
                        payload.failure = Some(Box::new(crate::event::Report { kind, message, chain: String::new() }));
                        self.metrics.failed_attempt();
                    }
                    self.engine.handle(now, Input::Marked { delivery, result });
                }
            }
            InboxFact::CaughtUp { partition, epoch, remembered, recreated } => {
                if recreated {
                    tracing::warn!(target: "onceward", partition = %self.partitions.display(partition),
                        "the topic was deleted and made again: what was remembered of this partition is void, it starts afresh");
                }
                self.health.caught_up(partition, epoch);
                self.engine.handle(now, Input::CaughtUp { partition, epoch, remembered });
            }
            // Every turn of the loop ends with a flush.
            InboxFact::News => {}
            InboxFact::Down { why } => {
                tracing::error!(target: "onceward", %why, "the inbox can't write; consumption pauses until it can");
                self.metrics.paused(Dependency::Inbox, true);
                self.engine.handle(now, Input::Down { dependency: Dependency::Inbox });
            }
            InboxFact::Up => {
                tracing::info!(target: "onceward", "the inbox can write again");
                self.metrics.paused(Dependency::Inbox, false);
                self.engine.handle(now, Input::Up { dependency: Dependency::Inbox });
            }
            InboxFact::OutboxFull { events } => {
                tracing::debug!(target: "onceward", events, "the outbox is full; consumption pauses until the relay has caught up");
                self.metrics.paused(Dependency::Outbox, true);
                self.engine.handle(now, Input::Down { dependency: Dependency::Outbox });
            }
            InboxFact::OutboxRoom => {
                self.metrics.paused(Dependency::Outbox, false);
                self.engine.handle(now, Input::Up { dependency: Dependency::Outbox });
            }
            InboxFact::Broken(error) => self.ending.fail(error.into()),
        }
    }

    fn take_producer(&mut self, fact: ProducerFact) {
        let now = self.clock.now();
        match fact {
            ProducerFact::Lettered { delivery, at } => self.engine.handle(now, Input::DeadLettered { delivery, letter: at }),
            ProducerFact::Recorded { token, .. } => self.ledgers.recorded(token),
            ProducerFact::SentAgain { token } => self.sent_again(token),
            ProducerFact::RecordGivenUp { token } => self.given_up(token),
            ProducerFact::RecordRefused { why } => {
                tracing::error!(target: "onceward", %why,
                    "a record of the ledger is refused by the broker; what waits for it is not resolved until it is accepted");
            }
            ProducerFact::Refused { delivery, why } => {
                if let Some(payload) = self.payloads.get_mut(delivery).filter(|payload| !payload.stranded) {
                    payload.stranded = true;
                    self.metrics.stranded(1);
                }
                let place = self.payloads.get(delivery).map(|payload| (payload.record().meta.partition, payload.record().meta.offset));
                let (partition, offset) =
                    place.map_or((String::new(), Offset(-1)), |(partition, offset)| (self.partitions.display(partition), offset));
                tracing::error!(target: "onceward", %partition, offset = offset.0, %why,
                    "a dead letter is refused by the broker; its key waits and the offset is held back until it is accepted");
            }
            ProducerFact::Down { why } => {
                tracing::error!(target: "onceward", %why, "dead letters and publishes are not acknowledged; consumption pauses until they are");
                self.metrics.paused(Dependency::Producer, true);
                self.engine.handle(now, Input::Down { dependency: Dependency::Producer });
            }
            ProducerFact::Up => {
                tracing::info!(target: "onceward", "dead letters and publishes are acknowledged again");
                self.metrics.paused(Dependency::Producer, false);
                self.engine.handle(now, Input::Up { dependency: Dependency::Producer });
            }
            ProducerFact::Published { .. } => {}
        }
    }
}
