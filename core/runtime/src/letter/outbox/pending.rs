//! One thing that is not acknowledged, and what follows from an error.

use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::single::is_size;
use super::{Down, Item, Outbox, State};
use crate::kafka::fault;
use crate::letter::producer::ProducerFact;
use crate::letter::request::Unsure;

/// The first wait after a passing error; it doubles.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait after a passing error.
const LONGEST: Duration = Duration::from_secs(10);
/// The wait after a refusal, which only a person can end.
const REFUSED: Duration = Duration::from_secs(15);

pub(super) struct Pending {
    pub(super) item: Item,
    failures: u32,
    /// A refusal is reported once.
    pub(super) refused: bool,
    /// It was refused for its size, or for that of its batch: from now on it is sent alone.
    pub(super) alone: bool,
    /// Instead of being sent again, this record of a ledger is reported.
    given_up: Option<u64>,
}

impl Pending {
    pub(super) fn new(item: Item) -> Self {
        Self { item, failures: 0, refused: false, alone: false, given_up: None }
    }

    /// Nobody knows whether it was written. What to report before it is sent again.
    pub(super) fn unsure(&mut self) -> Option<ProducerFact> {
        let Item::Ledger(record) = &mut self.item else { return None };
        match record.unsure() {
            Unsure::GivenUp => self.given_up = Some(record.token),
            Unsure::Renamed => return Some(ProducerFact::SentAgain { token: record.token }),
            Unsure::Same => {}
        }
        None
    }

    /// What follows from an error: how long to wait before the next try (`None`: no further try), and what to report.
    pub(super) fn after(&mut self, code: Code, state: &mut State) -> (Option<Duration>, Option<ProducerFact>) {
        self.failures = self.failures.saturating_add(1);
        match code {
            code if is_size(code) => {
                if let Item::Letter(letter) = &mut self.item
                    && letter.trim()
                {
                    return (Some(Duration::ZERO), None);
                }
                self.refuse(code, "Raise `max.message.bytes` of the topic; the payload is never cut")
            }
            Code::QueueFull => (Some(FIRST), None),
            Code::Fatal | Code::PurgeQueue | Code::PurgeInflight => {
                state.rebuild = true;
                (Some(FIRST), None)
            }
            code => {
                if let Some(cure) = fault::cure(code).or_else(|| unwelcome(code)) {
                    return self.refuse(code, cure);
                }
                let wait = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
                let news = state.down.is_none() && !self.refused;
                if news {
                    state.down = Some(Down::Writes);
                }
                (Some(wait), news.then(|| ProducerFact::Down { why: format!("writing to {}: {code}", self.item.topic()) }))
            }
        }
    }

    fn refuse(&mut self, code: Code, cure: &str) -> (Option<Duration>, Option<ProducerFact>) {
        let why = format!("{} refuses it: {code}. {cure}", self.item.topic());
        match &self.item {
            Item::Publish(record) => (None, Some(ProducerFact::Published { token: record.token, result: Err(why) })),
            Item::Letter(letter) => {
                let news = !std::mem::replace(&mut self.refused, true);
                (Some(REFUSED), news.then_some(ProducerFact::Refused { delivery: letter.delivery, why }))
            }
            Item::Ledger(_) => {
                let news = !std::mem::replace(&mut self.refused, true);
                (Some(REFUSED), news.then_some(ProducerFact::RecordRefused { why }))
            }
        }
    }
}

impl Outbox {
    /// Reports what is not to be sent again. Whether it was that.
    pub(super) fn gives_up(&self, token: usize) -> bool {
        let (record, up) = {
            let mut state = self.lock();
            let Some(record) = state.pending.get(&token).and_then(|pending| pending.given_up) else { return false };
            state.pending.remove(&token);
            if state.pending.is_empty() {
                self.empty.notify_all();
            }
            (record, state.nobody_waits())
        };
        (self.sink)(ProducerFact::RecordGivenUp { token: record });
        if up {
            (self.sink)(ProducerFact::Up);
        }
        true
    }
}

/// What a broker says of one record, and says again however often it is asked: no outage.
fn unwelcome(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::InvalidRecord => "The topic must take any bytes: no compaction (it refuses null keys), no schema validation on the broker",
        Code::InvalidTimestamp => {
            "Raise the topic's `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`, or mend the clock of this host"
        }
        Code::PolicyViolation => "The broker's policy forbids it: exempt the topic",
        _ => return None,
    })
}
