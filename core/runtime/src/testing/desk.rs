//! What stands for the producer and for the outbox's relay: writes letters, ledgers and publishes into the simulated topics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onceward_engine::{DeliveryId, Offset};
use tokio::sync::Notify;

use super::found::Position;
use super::ledger;
use super::world::World;
use crate::Error;
use crate::driver::Downstream;
use crate::ledger::Key;
use crate::letter::{LedgerRequest, LetterRequest, ProducerFact, ProducerSink, PublishRequest};
use crate::outbox::{Inlet, Row, published};

/// As the producer's: the first wait after a passing error, and the longest.
const WAIT: (u64, u64) = (100, 10_000);

enum Item {
    Letter(LetterRequest),
    Ledger(LedgerRequest),
    Publish(PublishRequest),
    /// An event of the outbox, and its row if it is the last one of it.
    Relayed(PublishRequest, Option<Row>),
}

#[derive(Default)]
struct State {
    sink: Option<ProducerSink>,
    inlet: Option<Inlet>,
    queue: VecDeque<Item>,
    /// So many writes fail.
    fail: u32,
    down: bool,
    wait: u64,
    retry_at: u64,
}

/// The broker's ear. It outlives a crash; what was not written by then does not.
#[derive(Clone, Default)]
pub(super) struct Desk {
    state: Arc<Mutex<State>>,
    /// Wakes the stage: a handler may wait for an acknowledgement.
    pub(super) bell: Arc<Notify>,
}

impl Item {
    fn is_claim(&self) -> bool {
        matches!(self, Self::Ledger(record) if record.value.is_some() && matches!(record.key, Key::Claim(_)))
    }
}

impl Downstream for Desk {
    fn send_letter(&self, letter: LetterRequest) {
        self.lock().queue.push_back(Item::Letter(letter));
    }

    fn publish(&self, record: PublishRequest) {
        self.lock().queue.push_back(Item::Publish(record));
        self.bell.notify_one();
    }

    fn abandon(&self, deliveries: &[DeliveryId]) {
        self.lock().queue.retain(|item| !matches!(item, Item::Letter(letter) if deliveries.contains(&letter.delivery)));
    }

    fn record(&self, record: LedgerRequest) {
        self.lock().queue.push_back(Item::Ledger(record));
    }

    fn abandon_records(&self, gone: &dyn Fn(u64) -> bool) {
        self.lock().queue.retain(|item| !matches!(item, Item::Ledger(record) if gone(record.token)));
    }

    fn close(&self, _: Duration) -> Result<(), Error> {
        Ok(())
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers go here from now on.
    pub(super) fn open(&self, sink: ProducerSink) {
        self.lock().sink = Some(sink);
    }

    /// The outbox's rows come from here.
    pub(super) fn relay(&self, inlet: Inlet) {
        self.lock().inlet = Some(inlet);
    }

    /// The process dies: what was not acknowledged is forgotten. The inlet stays until the inbox is closed.
    pub(super) fn die(&self) {
        let mut state = self.lock();
        state.queue.clear();
        if let Some(inlet) = &state.inlet {
            inlet.give_up();
        }
        (state.down, state.wait, state.retry_at) = (false, WAIT.0, 0);
    }

    /// So many writes fail from now on.
    pub(super) fn fail(&self, times: u32) {
        self.lock().fail = times;
    }

    /// When the next write is tried, if one waits for that.
    pub(super) fn due(&self) -> Option<u64> {
        let state = self.lock();
        (!state.queue.is_empty()).then_some(state.retry_at)
    }

    /// Writes the next thing; whether anything happened.
    pub(super) fn pump(&self, world: &World) -> bool {
        let mut state = self.lock();
        while let Some(row) = state.inlet.as_ref().and_then(Inlet::take) {
            let mut events = published(&row.events).unwrap_or_default();
            let last = events.pop();
            state.queue.extend(events.into_iter().map(|event| Item::Relayed(event, None)));
            state.queue.extend(last.map(|event| Item::Relayed(event, Some(row))));
        }
        let failing = state.fail > 0 || world.now() < state.retry_at;
        // A claim belongs to the assignment, which fail_produce is not about: a test that says so before its first record means letters.
        if failing && let Some(claim) = state.queue.iter().position(Item::is_claim) {
            if let Some(claim) = state.queue.remove(claim) {
                state.write(claim, world);
            }
            return true;
        }
        if state.queue.is_empty() || world.now() < state.retry_at {
            return false;
        }
        if state.fail > 0 {
            state.fail -= 1;
            state.wait = state.wait.max(WAIT.0);
            state.retry_at = world.now().saturating_add(state.wait);
            state.wait = state.wait.saturating_mul(2).min(WAIT.1);
            if !std::mem::replace(&mut state.down, true) {
                world.note("the broker takes no writes");
                state.say(ProducerFact::Down { why: "no write was acknowledged (simulated by fail_produce)".to_owned() });
            }
            return true;
        }
        (state.wait, state.retry_at) = (WAIT.0, 0);
        if let Some(item) = state.queue.pop_front() {
            state.write(item, world);
        }
        if std::mem::take(&mut state.down) {
            world.note("the broker takes writes again");
            state.say(ProducerFact::Up);
        }
        true
    }
}

impl State {
    fn say(&self, fact: ProducerFact) {
        if let Some(sink) = &self.sink {
            sink(fact);
        }
    }

    fn write(&self, item: Item, world: &World) {
        match item {
            Item::Letter(letter) => {
                let LetterRequest { delivery, topic, partition, key, value, headers } = letter;
                let put = world.append(&topic, Some(partition), (key, value), headers, None);
                let at = Offset(put.as_ref().map_or(-1, |position| position.offset));
                if let Some(position) = put {
                    world.note(format!("letter written to {}", shown(&position)));
                    let mut world = world.lock();
                    world.letters.push(position);
                    world.resolved += 1;
                }
                self.say(ProducerFact::Lettered { delivery, at });
            }
            Item::Ledger(record) => {
                let LedgerRequest { token, topic, partition, key, value } = record;
                let note = value.is_some().then(|| ledger::said(&key)).flatten();
                let key = key.to_string();
                let put = world.append(&topic, Some(partition), (Some(key.into_bytes()), value), Vec::new(), None);
                if let Some(note) = note {
                    world.note(format!("{topic}/{partition}: {note}"));
                }
                // A letter that is settled gets somewhere, as an event does that is handled.
                world.lock().resolved += 1;
                self.say(ProducerFact::Recorded { token, at: put.map(|position| Offset(position.offset)) });
            }
            Item::Publish(record) => {
                let token = record.token;
                put(record, world);
                self.say(ProducerFact::Published { token, result: Ok(()) });
            }
            Item::Relayed(record, row) => {
                put(record, world);
                if let (Some(row), Some(inlet)) = (row, &self.inlet) {
                    inlet.arrived(&row);
                }
            }
        }
    }
}

fn put(record: PublishRequest, world: &World) {
    let PublishRequest { topic, key, value, headers, timestamp, .. } = record;
    if let Some(position) = world.append(&topic, None, (key, value), headers, timestamp) {
        world.note(format!("published to {}", shown(&position)));
        world.lock().published.push(position);
    }
}

fn shown(position: &Position) -> String {
    format!("{}/{}/{}", position.topic, position.partition, position.offset)
}
