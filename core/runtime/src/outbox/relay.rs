//! The thread that sends committed events, in order per key, and says which rows are done.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::{Client, Said};
use super::held::{Held, Lane};
use super::outlet::{Inlet, Row};
use super::row::Rows;
use crate::Error;
use crate::kafka::fault;

/// Events that the client may hold: enough to fill every request, few enough to keep its copies small.
const WINDOW: u64 = 20_000;
/// Events sent before acknowledgements are served.
const PORTION: usize = 512;
/// One wait for acknowledgements; the other when none has come for a while.
const TURN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
const IDLE: Duration = Duration::from_millis(100);
/// The wait before a client that could not be made, or that broke, is replaced.
const RECONNECT: Duration = Duration::from_secs(1);

/// Sends what comes through an [`Inlet`].
pub struct Relay {
    properties: Vec<(String, String)>,
    inlet: Inlet,
    rows: Rows,
    held: Held,
    /// Numbers of events to be sent.
    unsent: VecDeque<u64>,
    /// How many of them the client has.
    away: u64,
    client: Option<Client>,
    /// For events that were refused: they go alone.
    careful: Option<Client>,
    not_before: Instant,
    heard: Instant,
    down: bool,
    /// There is more to do at once.
    busy: bool,
    closed: bool,
}

impl Relay {
    /// Starts the thread; it ends when the other end of the inlet is dropped. A client is made when the first row comes.
    ///
    /// `properties` is complete, see [`crate::kafka::producer_properties`].
    ///
    /// # Errors
    /// [`Error::Broker`] when the thread can't be started.
    pub fn start(properties: Vec<(String, String)>, inlet: Inlet) -> Result<(), Error> {
        let now = Instant::now();
        let relay = Self {
            properties,
            inlet,
            rows: Rows::default(),
            held: Held::default(),
            unsent: VecDeque::new(),
            away: 0,
            client: None,
            careful: None,
            not_before: now,
            heard: now,
            down: false,
            busy: false,
            closed: false,
        };
        let spawned = thread::Builder::new().name("onceward-relay".to_owned()).spawn(move || relay.run());
        spawned.map(drop).map_err(|error| fault::broker("starting the relay thread", error.to_string(), "Raise the limit of threads"))
    }

    fn run(mut self) {
        while !self.closed {
            self.receive();
            self.connect();
            self.send();
            self.serve();
            self.retry();
        }
    }

    /// Takes rows; waits for one if there is nothing else to do. A client's own wait is counted in milliseconds and spins within the last.
    fn receive(&mut self) {
        let wait = match () {
            () if self.rows.is_empty() => IDLE,
            () if self.busy => Duration::ZERO,
            () if self.heard.elapsed() > IDLE => TURN.1,
            () => TURN.0,
        };
        match self.inlet.rows.recv_timeout(wait) {
            Ok(row) => self.accept(row),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => self.closed = true,
        }
        while let Ok(row) = self.inlet.rows.try_recv() {
            self.accept(row);
        }
    }

    fn accept(&mut self, row: Row) {
        let (id, length) = (row.id, row.events.len() as u64);
        let Some(numbers) = self.rows.push(id, row.events) else {
            tracing::error!(target: "onceward", row = id,
                "a row of onceward_outbox can't be read; it is left in the inbox's file and not sent. Restore a backup of the file, or report this with the row");
            self.inlet.load.bytes.fetch_sub(length, Ordering::Relaxed);
            self.inlet.load.moving.fetch_sub(1, Ordering::Release);
            return;
        };
        // The row stood for one event while it was under way.
        self.inlet.load.moving.fetch_add(numbers.end.saturating_sub(numbers.start), Ordering::Relaxed);
        self.inlet.load.moving.fetch_sub(1, Ordering::Release);
        self.unsent.extend(numbers);
    }

    fn connect(&mut self) {
        if self.rows.is_empty() || self.client.is_some() || Instant::now() < self.not_before {
            return;
        }
        match Client::connect(&self.properties, false) {
            Ok(client) => self.client = Some(client),
            Err(error) => {
                tracing::error!(target: "onceward", %error, "the outbox's producer can't be made; trying again. Nothing is lost");
                self.not_before = Instant::now() + RECONNECT;
            }
        }
    }

    fn send(&mut self) {
        for _ in 0..PORTION {
            if self.away >= WINDOW {
                return;
            }
            let (Some(client), Some(&number)) = (self.client.as_mut(), self.unsent.front()) else { return };
            let Some(event) = self.rows.event(number) else {
                self.unsent.pop_front();
                continue;
            };
            // Hashing a key is for the rare day on which one is held.
            let lane = if self.held.is_empty() { None } else { Some(Lane::of(event.topic, event.key, number)) };
            if let Some(lane) = lane.filter(|lane| self.held.holds(*lane)) {
                self.unsent.pop_front();
                self.hold(lane, number);
                continue;
            }
            match client.produce(&event, number) {
                Ok(()) => {
                    self.unsent.pop_front();
                    self.away += 1;
                }
                Err(Code::QueueFull) => break,
                Err(Code::Fatal) => return self.start_over(),
                Err(code) => {
                    self.unsent.pop_front();
                    self.refused(number, code);
                }
            }
        }
    }

    /// An event waits behind a refused one of its key.
    fn hold(&mut self, lane: Lane, number: u64) {
        self.held.join(lane, number);
        self.set_aside(number, "waits behind an event of its key that the broker refuses");
    }

    fn set_aside(&mut self, number: u64, why: &str) {
        self.rows.hold(number, Some(why));
        self.inlet.load.moving.fetch_sub(1, Ordering::Release);
        self.report(number);
    }

    fn serve(&mut self) {
        let mut fatal = false;
        self.busy = !self.unsent.is_empty() && self.away < WINDOW && self.client.is_some();
        for careful in [false, true] {
            let Some(client) = (if careful { &self.careful } else { &self.client }) else { continue };
            let said = client.take();
            fatal |= said.fatal;
            self.busy |= !said.answers.is_empty();
            self.hear(said, careful);
        }
        if fatal {
            self.start_over();
        }
    }

    fn hear(&mut self, said: Said, careful: bool) {
        if said.down && !std::mem::replace(&mut self.down, true) {
            tracing::warn!(target: "onceward", "no broker answers the outbox's relay; what handlers publish waits in the inbox's file, nothing is lost");
        }
        if !said.answers.is_empty() {
            self.heard = Instant::now();
        }
        for (number, refusal) in said.answers {
            if !careful {
                self.away = self.away.saturating_sub(1);
            }
            match refusal {
                None => self.acknowledged(number),
                // The client is going: what it still had is sent by the next one.
                Some(Code::Fatal | Code::PurgeQueue | Code::PurgeInflight) => {}
                // A batch is refused as a whole. Alone, it is known whose fault it was.
                Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::InvalidRecord) if !careful => self.suspect(number),
                Some(code) => self.refused(number, code),
            }
        }
    }

    fn acknowledged(&mut self, number: u64) {
        if std::mem::take(&mut self.down) {
            tracing::info!(target: "onceward", "the outbox's relay reaches a broker again");
        }
        let lane = if self.held.is_empty() { None } else { self.rows.event(number).map(|event| Lane::of(event.topic, event.key, number)) };
        let held = lane.is_some_and(|lane| self.held.acknowledged(lane, number, Instant::now()));
        if held {
            // It counted as held, or was on its way alone; either way the row has one less.
            self.rows.hold(number, None);
        } else {
            self.inlet.load.moving.fetch_sub(1, Ordering::Release);
        }
        if self.rows.acknowledged(number) {
            self.report(number);
        }
    }

    fn suspect(&mut self, number: u64) {
        let Some(lane) = self.rows.event(number).map(|event| Lane::of(event.topic, event.key, number)) else { return };
        self.held.refuse(lane, number, true, Instant::now());
        self.set_aside(number, "was refused in company and is sent alone");
    }

    fn refused(&mut self, number: u64, code: Code) {
        let Some(event) = self.rows.event(number) else { return };
        let cure = cure(code);
        let topic = event.topic.to_owned();
        let lane = Lane::of(event.topic, event.key, number);
        let first = !self.held.keeps(lane, number);
        self.held.refuse(lane, number, false, Instant::now());
        let why = format!("{topic} refuses it: {code}. {cure}");
        tracing::error!(target: "onceward", %topic, %code, cure,
            "the broker refuses an event of the outbox; its key waits, other keys go on, and it is tried again");
        if first {
            self.set_aside(number, &why);
        } else {
            self.rows.rename(number, &why);
            self.report(number);
        }
    }

    /// Tells the file what has become of an event's row, if that is settled.
    fn report(&mut self, number: u64) {
        if let Some((finished, freed)) = self.rows.report(number) {
            self.inlet.load.bytes.fetch_sub(freed, Ordering::Relaxed);
            // A writer that is gone leaves the row in the file.
            drop(self.inlet.finished.send(finished));
        }
    }

    /// Sends refused events again, each alone.
    fn retry(&mut self) {
        let now = Instant::now();
        if self.held.next().is_none_or(|at| at > now) {
            return;
        }
        if self.careful.is_none() {
            match Client::connect(&self.properties, true) {
                Ok(client) => self.careful = Some(client),
                Err(error) => return tracing::warn!(target: "onceward", %error, "the producer for refused events can't be made"),
            }
        }
        for number in self.held.due(now) {
            let (Some(event), Some(client)) = (self.rows.event(number), self.careful.as_mut()) else { continue };
            match client.produce(&event, number) {
                Ok(()) => {}
                Err(code) => self.refused(number, code),
            }
        }
    }

    /// A fatal error of an idempotent producer (its sequence is broken) ends the client. What was not acknowledged is sent by a new one,
    /// perhaps for a second time, in the same order and under the same ids.
    fn start_over(&mut self) {
        tracing::warn!(target: "onceward", "the outbox's producer is replaced; what was not acknowledged is sent again, under the same ids");
        for client in [self.client.take(), self.careful.take()].into_iter().flatten() {
            client.retire();
        }
        let now = Instant::now();
        self.not_before = now + RECONNECT;
        self.away = 0;
        let waits = |number: &u64| {
            let lane = self.rows.event(*number).map(|event| Lane::of(event.topic, event.key, *number));
            lane.is_some_and(|lane| self.held.keeps(lane, *number))
        };
        self.unsent = self.rows.open().filter(|number| !waits(number)).collect();
        self.held.start_over(now);
    }
}

fn cure(code: Code) -> &'static str {
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => "Raise `max.message.bytes` of the topic",
        Code::TopicAuthorizationFailed => "Give this user WRITE and DESCRIBE on the topic",
        Code::InvalidRecord => {
            "The topic must take this event: a compacted topic refuses null keys, a broker with schema validation other values"
        }
        Code::PolicyViolation => "The broker's policy forbids it: exempt the topic",
        code => fault::cure(code).unwrap_or("See what the broker's log says of it"),
    }
}
