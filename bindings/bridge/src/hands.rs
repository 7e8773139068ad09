//! What is in the hands of a host that is given buffers, by token.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use onceward::Event;

use crate::flat::{EVENT, Flat, HEAD, PIECE};
use crate::{HeldBatch, HeldLetter, HeldRun, Work};

const RUN: i32 = 0;
const BATCH: i32 = 1;
const LETTER: i32 = 2;
/// Tokens of letters count from here: those of runs and batches never come so far.
const LETTERS: u64 = 1 << 52;
/// Both sides of the border are of one build; should they ever not be, that is said instead of read wrongly.
const VERSION: i32 = 2;

/// Runs and batches that were handed over and have not ended.
#[derive(Debug, Default)]
pub struct Hands {
    held: HashMap<u64, Held, BuildHasherDefault<ByToken>>,
    letters: u64,
    /// Names of topics, in the order in which they came up.
    topics: Vec<String>,
}

/// One of them.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "runs are the common case, and a box would be an allocation for each")]
pub enum Held {
    /// With the event in hand.
    Run(HeldRun, Option<Event>),
    /// Events of one call.
    Batch(HeldBatch),
    /// A letter that is told.
    Letter(HeldLetter),
}

impl Hands {
    /// Keeps the work, and writes it down for the host.
    pub fn take(&mut self, work: Vec<Work>) -> Vec<u8> {
        let counts = work.iter().map(|work| match work {
            Work::Run(run) => run.ahead().count(),
            Work::Batch(batch) => batch.batch.len(),
            Work::Letter(_) => 0,
        });
        let events: usize = counts.sum();
        let mut flat = Flat::new(HEAD + PIECE * work.len() + EVENT * events, events);
        flat.word(VERSION);
        flat.word(number(work.len()));
        for work in work {
            let (token, held) = match work {
                Work::Run(run) => {
                    let events: Vec<_> = run.ahead().collect();
                    self.write(&mut flat, RUN, run.handler, run.token, &events);
                    (run.token, Held::Run(run, None))
                }
                Work::Batch(batch) => {
                    self.write(&mut flat, BATCH, batch.handler, batch.token, batch.batch.events());
                    (batch.token, Held::Batch(batch))
                }
                Work::Letter(letter) => {
                    let token = LETTERS + self.letters;
                    self.letters += 1;
                    self.write(&mut flat, LETTER, 0, token, &[]);
                    (token, Held::Letter(letter))
                }
            };
            self.held.insert(token, held);
        }
        flat.into_bytes()
    }

    fn write(&mut self, flat: &mut Flat, kind: i32, handler: usize, token: u64, events: &[Event]) {
        flat.word(kind);
        flat.word(number(handler));
        flat.wide(i64::try_from(token).unwrap_or(i64::MAX));
        flat.word(number(events.len()));
        for event in events {
            let topic = self.topic(event.topic());
            flat.event(event, topic);
        }
    }

    fn topic(&mut self, name: &str) -> i32 {
        let known = self.topics.iter().position(|known| known == name);
        number(known.unwrap_or_else(|| {
            self.topics.push(name.to_owned());
            self.topics.len() - 1
        }))
    }

    /// Names of topics, in the order of their numbers.
    #[must_use]
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// The event in hand of a run is done, and the next one is begun; false: the run is over.
    pub fn next(&mut self, token: u64) -> bool {
        let Some(Held::Run(run, event)) = self.held.get_mut(&token) else { return false };
        if event.take().is_some() {
            run.done();
        }
        *event = run.next_event();
        let goes_on = event.is_some();
        if !goes_on {
            self.held.remove(&token);
        }
        goes_on
    }

    /// What is held under a token.
    pub fn get(&mut self, token: u64) -> Option<&mut Held> {
        self.held.get_mut(&token)
    }

    /// It is over.
    pub fn remove(&mut self, token: u64) -> Option<Held> {
        self.held.remove(&token)
    }

    /// The event in hand of a run, or one of a batch.
    #[must_use]
    pub fn event(&self, token: u64, position: usize) -> Option<&Event> {
        match self.held.get(&token)? {
            Held::Run(_, event) => event.as_ref(),
            Held::Batch(batch) => batch.batch.events().get(position),
            Held::Letter(_) => None,
        }
    }

    /// Lets go of everything: what was not begun is handed over again, and what is in hand was never answered for.
    pub fn clear(&mut self) {
        self.held.clear();
    }
}

fn number(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// Tokens are counted: spreading them over the table is all that is needed.
#[derive(Default)]
struct ByToken(u64);

impl Hasher for ByToken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u64(&mut self, token: u64) {
        self.0 = token.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(20);
    }
}
