//! From a delivery that was given up to the letter that is produced.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use onceward_engine as engine;

use super::Driver;
use crate::alerts::{self, DeadLetter};
use crate::config::Settings;
use crate::event::{Place, Report, correlation, one_line};
use crate::inbox::{PartitionName, Queries};
use crate::kafka::{Identifier, Record, TopicSettings};
use crate::letter::{Cause, LetterRequest, dead_letter_topic, fingerprint, ledger_topic, letter_id, reason_text};
use crate::wire;

/// Names that letters need.
pub(crate) struct Letters {
    group: Arc<str>,
    template: String,
    /// How ledgers are named, if letters have a state.
    ledger: Option<String>,
    topics: HashMap<String, Topic>,
    /// For whom handlers read: topics and patterns.
    reading: HashMap<String, Queries>,
}

struct Topic {
    name: Arc<str>,
    called: Arc<str>,
    identifier: Arc<Identifier>,
    letters: Arc<str>,
    /// Where letters have a state, if they do.
    ledger: Option<Arc<str>>,
    /// Whether it was said that letters in it are passed over.
    told: bool,
}

impl Letters {
    pub(crate) fn new(settings: &Settings, topics: &[TopicSettings]) -> Self {
        let (group, template) = (settings.group.as_str().into(), settings.dead_letter.topic.clone());
        let ledger = settings.dead_letter.replay.then(|| settings.dead_letter.ledger.clone());
        let mut letters = Self { group, template, ledger, topics: HashMap::new(), reading: HashMap::new() };
        topics.iter().for_each(|topic| letters.add(topic));
        letters
    }

    /// A topic that is subscribed.
    pub(crate) fn add(&mut self, topic: &TopicSettings) {
        let letters = dead_letter_topic(&self.template, &topic.name, &self.group).into();
        let identifier = Arc::new(Identifier::new(&self.group, topic));
        let ledger = self.ledger.as_ref().map(|template| ledger_topic(template, &topic.name, &self.group).into());
        let entry = Topic { name: topic.name.as_str().into(), called: topic.called().into(), identifier, letters, ledger, told: false };
        self.topics.insert(topic.name.clone(), entry);
    }

    /// Lets handlers of this topic or pattern read.
    pub(crate) fn reads(&mut self, called: &str, queries: &Queries) {
        self.reading.insert(called.to_owned(), queries.clone());
    }

    /// A letter in a topic that a pattern found is passed over: said once per topic.
    pub(crate) fn passed_over(&mut self, record: &Record<'_>, topic: &str) {
        if let Some(entry) = self.topics.get_mut(topic).filter(|entry| !entry.told && entry.identifier.is_strayed_letter(record)) {
            entry.told = true;
            tracing::warn!(target: "onceward", %topic, pattern = %entry.called, offset = record.meta.offset.0,
                "a pattern matches this topic, and there are dead letters in it: they are passed over, unhandled. Name the topic in a handler to have them, or narrow the pattern");
        }
    }

    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// The ledger of a topic, if it has one.
    pub(crate) fn ledger(&self, topic: &str) -> Option<&Arc<str>> {
        self.topics.get(topic)?.ledger.as_ref()
    }

    /// Where the letters of a topic go.
    pub(crate) fn letters(&self, topic: &str) -> Option<&Arc<str>> {
        Some(&self.topics.get(topic)?.letters)
    }

    /// A partition's names, for one assignment. `None` for a topic that was not subscribed.
    pub(crate) fn place(&self, name: &PartitionName) -> Option<Arc<Place>> {
        let topic = self.topics.get(&*name.topic)?;
        Some(Arc::new(Place {
            group: Arc::clone(&self.group),
            topic: Arc::clone(&topic.name),
            called: Arc::clone(&topic.called),
            partition: name.number,
            topic_hash: crate::journal::topic_hash(name),
            identifier: Arc::clone(&topic.identifier),
            queries: self.reading.get(&*topic.called).cloned(),
            ours: true.into(),
            paused: false.into(),
            over: false.into(),
        }))
    }
}

impl Driver {
    /// Produces the letter of a delivery.
    pub(crate) fn dead_letter(&mut self, letter: engine::DeadLetter) {
        let Some(payload) = self.payloads.get(letter.delivery) else { return };
        let record = payload.record();
        let Some(entry) = self.partitions.get(record.meta.partition) else { return };
        let (place, name) = (&entry.place, &entry.name);
        let Some(topic) = self.letters.topics.get(&*name.topic) else { return };
        let deaths = self.deaths(letter.delivery);
        let why = self.why(letter.delivery, letter.reason, letter.attempts);
        let attempts = if letter.reason == engine::Reason::Crashed { u32::try_from(deaths).unwrap_or(u32::MAX) } else { letter.attempts };
        let report = &*why;
        let correlation_id = correlation::of(&record, &place.topic, place.partition);
        let event_id = place.identifier.text(&record);
        let fingerprint = fingerprint(&report.kind, &report.message, "");
        let behind = letter.behind.map(|offset| letter_id(&place.group, &place.topic, place.partition, offset.0));
        let cause = Cause {
            group: &place.group,
            topic: &place.topic,
            partition: place.partition,
            reason: letter.reason,
            attempts,
            event_id: event_id.as_deref(),
            correlation_id: &correlation_id,
            first_failed_at: self.clock.wall_millis(letter.first_failed),
            last_failed_at: self.clock.wall_millis(letter.last_failed),
            error_type: &report.kind,
            message: &report.message,
            stack: &report.chain,
            fingerprint: &fingerprint,
            held_behind: behind.as_deref(),
            replays: None,
        };
        tracing::error!(
            target: "onceward", topic = %place.topic, partition = place.partition, offset = record.meta.offset.0, %correlation_id,
            reason = ?letter.reason, attempts, error_type = %report.kind, error = %one_line(&report.message), %fingerprint,
            dead_letter_topic = %topic.letters, "given up: the event goes to the dead-letter topic"
        );
        let mut request = LetterRequest::new(letter.delivery, &topic.letters, &record, &cause);
        // The producer's context is among the record's own headers. Without one, the trace that began here goes on with the letter.
        if let Some(traceparent) = self.tracer.of_letter(&record, place) {
            request.headers.push((wire::TRACEPARENT.into(), Some(traceparent.into_bytes())));
        }
        let began = self.tracer.now();
        // A follower is no news: its letter was told of.
        let told = (self.alerts.wanted() && letter.reason != engine::Reason::HeldBehind).then(|| summary(&cause, record.meta.offset.0));
        if let Some(payload) = self.payloads.get_mut(letter.delivery) {
            payload.reason = Some(letter.reason);
            payload.told = told.map(Box::new);
            // No handler saw it, and yet it is worth a span.
            payload.begun = if payload.begun == 0 { began } else { payload.begun };
        }
        self.producer.send_letter(request);
    }
}

/// What people are told of a letter.
fn summary(cause: &Cause<'_>, offset: i64) -> DeadLetter {
    DeadLetter {
        group: cause.group.to_owned(),
        topic: cause.topic.to_owned(),
        partition: cause.partition,
        offset,
        letter_id: letter_id(cause.group, cause.topic, cause.partition, offset),
        reason: reason_text(cause.reason),
        fingerprint: cause.fingerprint.to_owned(),
        error_type: alerts::short(cause.error_type),
        message: alerts::short(cause.message),
        correlation_id: alerts::short(cause.correlation_id),
        attempts: cause.attempts,
        replays: 0,
    }
}

impl Driver {
    /// What people are told of a letter whose replay failed; `None`: nobody is to be told.
    pub(crate) fn failed_again(
        &self,
        delivery: engine::DeliveryId,
        entry: &engine::Entry,
        why: &Report,
        common: &str,
    ) -> Option<DeadLetter> {
        let payload = self.payloads.get(delivery).filter(|_| self.alerts.wanted())?;
        let (record, place) = (payload.record(), &self.partitions.get(entry.partition)?.place);
        Some(DeadLetter {
            group: place.group.to_string(),
            topic: place.topic.to_string(),
            partition: place.partition,
            offset: entry.offset.0,
            letter_id: letter_id(&place.group, &place.topic, place.partition, entry.offset.0),
            reason: reason_text(entry.reason),
            fingerprint: common.to_owned(),
            error_type: alerts::short(&why.kind),
            message: alerts::short(&why.message),
            correlation_id: alerts::short(&correlation::of(&record, &place.topic, place.partition)),
            attempts: payload.attempt,
            replays: entry.replays,
        })
    }
}

impl Driver {
    /// Why an event was given up: what its handler said, or what stands for it where none was called.
    pub(crate) fn why(&self, delivery: engine::DeliveryId, reason: engine::Reason, attempts: u32) -> Cow<'_, Report> {
        let Some(payload) = self.payloads.get(delivery) else { return Cow::Owned(explained(reason, 0)) };
        if let Some(report) = payload.failure.as_deref().filter(|_| reason != engine::Reason::HeldBehind) {
            return Cow::Borrowed(report);
        }
        let record = payload.record();
        let place = self.partitions.get(record.meta.partition).map(|entry| &entry.place);
        match place.filter(|_| reason == engine::Reason::Rejected && attempts == 0) {
            Some(place) => Cow::Owned(nobody_handles(place, &record)),
            None => Cow::Owned(explained(reason, self.deaths(delivery))),
        }
    }
}

/// What a letter says of an event for whose type there is no handler.
fn nobody_handles(place: &Place, record: &Record<'_>) -> Report {
    let kind = place.identifier.event_type(record).ok().flatten();
    let kind =
        kind.map_or_else(|| "an event without a type".to_owned(), |kind| format!("events of the type {:?}", one_line(&kind).to_string()));
    let message = format!("no handler is registered for {kind}; register one and replay, or set unrouted_type");
    Report { kind: "UnroutedType".to_owned(), message, chain: String::new() }
}

/// What a letter says when no handler failed.
fn explained(reason: engine::Reason, deaths: u64) -> Report {
    let died;
    let (kind, message) = match reason {
        engine::Reason::Crashed => {
            died = format!("the process died {deaths} times while nothing but this event was being handled");
            ("ProcessDied", died.as_str())
        }
        engine::Reason::Conflict => (
            "IdentityConflict",
            "this event id came before with other bytes; an event id must be new for each event, the id of an entity is none",
        ),
        engine::Reason::Undecodable => ("DecodeError", "the record's identity, order key or type can't be read from its value"),
        engine::Reason::Invalid => ("SchemaError", "the record does not fit its schema"),
        engine::Reason::HeldBehind => {
            ("HeldBehind", "an earlier event of its key is a dead letter that is not settled: this one follows it")
        }
        engine::Reason::Rejected | engine::Reason::Exhausted | engine::Reason::Expired => {
            ("Unknown", "the handler failed without an error")
        }
    };
    Report { kind: kind.to_owned(), message: message.to_owned(), chain: String::new() }
}
