//! What is on its way to the broker, and what happens when it does not get there.

mod item;
mod pending;
mod single;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use onceward_engine::{DeliveryId, Offset};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Statistics};

pub(super) use item::Item;
use pending::Pending;
use single::{Single, is_size};

use super::producer::{ProducerFact, ProducerSink};
use crate::Error;
use crate::kafka::tokens::Tokens;
use crate::kafka::{context, fault};

/// How long one poll for acknowledgements may take: also how late a retry may be.
const TURN: Duration = Duration::from_millis(100);
/// How often a broker is asked whether it is back.
const PROBE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Down {
    /// No broker answers; asking one tells when it is over.
    Brokers,
    /// Brokers answer and do not write; an acknowledgement tells when it is over.
    Writes,
}

#[derive(Default)]
struct State {
    next: usize,
    pending: HashMap<usize, Pending>,
    waiting: BTreeSet<(Instant, usize)>,
    single: Single,
    down: Option<Down>,
    /// A topic to ask for when probing, since asking for all of them is dear.
    topic: Option<String>,
    /// The client is beyond recovery.
    rebuild: bool,
}

impl State {
    /// Only an acknowledgement ends [`Down::Writes`]; once nothing is left that could get one, nothing is known to be down, and waiting for
    /// it would pause consumption for ever. Whether that was so.
    fn nobody_waits(&mut self) -> bool {
        // A refused letter gets none either, until a person acts: it holds its key, not everybody.
        let over = self.down == Some(Down::Writes) && self.pending.values().all(|pending| pending.refused);
        if over {
            self.down = None;
        }
        over
    }
}

pub(super) struct Outbox {
    config: ClientConfig,
    tokens: Option<Tokens>,
    sink: ProducerSink,
    /// Only the outbox's own thread takes it out, since destroying a client may block.
    client: RwLock<Option<Arc<BaseProducer<Host>>>>,
    state: Mutex<State>,
    empty: Condvar,
    stop: AtomicBool,
}

/// librdkafka's way back to the outbox.
struct Host(Weak<Outbox>);

impl ClientContext for Host {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        context::log(level as i32, facility, line);
    }

    fn stats(&self, _: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(outbox) = self.0.upgrade() {
            match error.rdkafka_error_code() {
                Some(Code::AllBrokersDown) => outbox.went_down(Down::Brokers, reason),
                Some(Code::Fatal) => outbox.lock().rebuild = true,
                _ => tracing::warn!(target: "librdkafka", %error, "{reason}"),
            }
        }
    }
}

impl ProducerContext for Host {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, token: usize) {
        let Some(outbox) = self.0.upgrade() else { return };
        match result {
            Ok(record) => outbox.acknowledged(token, record.offset()),
            Err((error, _)) => outbox.failed(token, error.rdkafka_error_code().unwrap_or(Code::Unknown)),
        }
    }
}

impl Outbox {
    pub(super) fn new(config: ClientConfig, tokens: Option<Tokens>, sink: ProducerSink) -> Result<Arc<Self>, Error> {
        let outbox = Arc::new(Self {
            config,
            tokens,
            sink,
            client: RwLock::new(None),
            state: Mutex::default(),
            empty: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let client = outbox.connect()?;
        *outbox.client.write().unwrap_or_else(PoisonError::into_inner) = Some(client);
        Ok(outbox)
    }

    fn connect(self: &Arc<Self>) -> Result<Arc<BaseProducer<Host>>, Error> {
        self.config.create_with_context(Host(Arc::downgrade(self))).map(Arc::new).map_err(|error| {
            fault::broker(
                "creating the Kafka producer",
                error.to_string(),
                "Correct the property under `kafka.*`; librdkafka's CONFIGURATION.md lists them all",
            )
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> Option<Arc<BaseProducer<Host>>> {
        self.client.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn submit(&self, item: Item) {
        let token = {
            let mut state = self.lock();
            if self.stop.load(Ordering::SeqCst) {
                drop(state);
                return self.closed(&item);
            }
            state.next = state.next.wrapping_add(1);
            let token = state.next;
            if state.topic.is_none() {
                state.topic = Some(item.topic().to_owned());
            }
            state.pending.insert(token, Pending::new(item));
            token
        };
        self.attempt(token);
    }

    pub(super) fn abandon(&self, deliveries: &[DeliveryId]) {
        // Thousands may wait and thousands may go, while the producer's thread and handlers wait for this lock.
        let gone: HashSet<DeliveryId> = deliveries.iter().copied().collect();
        self.abandon_where(|item| matches!(item, Item::Letter(letter) if gone.contains(&letter.delivery)));
    }

    pub(super) fn abandon_where(&self, gone: impl Fn(&Item) -> bool) {
        let up = {
            let mut state = self.lock();
            state.pending.retain(|_, pending| !gone(&pending.item));
            if state.pending.is_empty() {
                self.empty.notify_all();
            }
            state.nobody_waits()
        };
        if up {
            (self.sink)(ProducerFact::Up);
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lock().pending.len()
    }

    /// Waits until nothing is pending; how much is left at the deadline.
    pub(super) fn drain(&self, deadline: Instant) -> usize {
        let left = deadline.saturating_duration_since(Instant::now());
        let (state, _) =
            self.empty.wait_timeout_while(self.lock(), left, |state| !state.pending.is_empty()).unwrap_or_else(PoisonError::into_inner);
        state.pending.len()
    }

    /// Ends the thread. Handlers that wait for a publish are answered: nobody else would wake them.
    pub(super) fn stop(&self) {
        let left = {
            let mut state = self.lock();
            self.stop.store(true, Ordering::SeqCst);
            std::mem::take(&mut state.pending)
        };
        left.values().for_each(|pending| self.closed(&pending.item));
    }

    fn closed(&self, item: &Item) {
        if let Item::Publish(record) = item {
            (self.sink)(ProducerFact::Published { token: record.token, result: Err("the producer was closed".to_owned()) });
        }
    }

    /// The thread: serves acknowledgements, retries, and the client's life.
    pub(super) fn run(self: &Arc<Self>) {
        let mut probed = Instant::now();
        while !self.stop.load(Ordering::SeqCst) {
            if let Some(client) = self.client() {
                if let Some(tokens) = &self.tokens {
                    tokens.serve(client.client().native_ptr());
                }
                self.send_one();
                client.poll(TURN);
                if self.lock().down == Some(Down::Brokers) && probed.elapsed() >= PROBE {
                    self.probe(&client);
                    probed = Instant::now();
                }
            }
            self.retry();
            if self.lock().rebuild {
                self.rebuild();
            }
        }
        let client = self.client.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(client);
    }

    fn attempt(&self, token: usize) {
        if self.gives_up(token) {
            return;
        }
        let result = {
            let mut state = self.lock();
            // The guard, not a clone: the last hold on a client destroys it, which must not happen here, under the lock.
            let client = self.client.read().unwrap_or_else(PoisonError::into_inner);
            let (Some(pending), Some(client)) = (state.pending.get(&token), client.as_deref()) else { return };
            if pending.alone || state.single.is_on() {
                return state.single.add(token);
            }
            pending.item.produce(client, token)
        };
        if let Err(code) = result {
            self.failed(token, code);
        }
    }

    fn retry(&self) {
        let now = Instant::now();
        let mut due = Vec::new();
        {
            let mut state = self.lock();
            while let Some(&(at, token)) = state.waiting.first()
                && at <= now
            {
                state.waiting.pop_first();
                due.push(token);
            }
        }
        self.look_again(&due);
        for token in due {
            self.attempt(token);
        }
    }

    /// A topic that was missing, or too narrow, is looked at again before what it refused is tried again: the client itself does so every five
    /// minutes only.
    fn look_again(&self, due: &[usize]) {
        let topics: BTreeSet<String> = {
            let state = self.lock();
            let refused = due.iter().filter_map(|token| state.pending.get(token)).filter(|pending| pending.refused);
            refused.map(|pending| pending.item.topic().to_owned()).collect()
        };
        let Some(client) = self.client().filter(|_| !topics.is_empty()) else { return };
        for topic in topics {
            if let Err(error) = client.client().fetch_metadata(Some(&topic), PROBE) {
                tracing::debug!(%error, %topic, "looking at a topic that refused a letter");
            }
        }
    }

    fn acknowledged(&self, token: usize, at: i64) {
        let (pending, up) = {
            let mut state = self.lock();
            state.single.answered(token);
            // Acknowledgements of abandoned letters and of a client that was replaced concern nobody.
            let Some(pending) = state.pending.remove(&token) else { return };
            // A broker that has a record already, after a retry, does not say where. A letter that can't be found is none: it is written once
            // more, under the same letter id.
            if at < 0 && matches!(pending.item, Item::Letter(_)) {
                state.pending.insert(token, pending);
                state.waiting.insert((Instant::now(), token));
                return;
            }
            if state.pending.is_empty() {
                self.empty.notify_all();
            }
            (pending, state.down.take().is_some())
        };
        if up {
            (self.sink)(ProducerFact::Up);
        }
        (self.sink)(match pending.item {
            Item::Letter(letter) => ProducerFact::Lettered { delivery: letter.delivery, at: Offset(at) },
            Item::Ledger(record) => ProducerFact::Recorded { token: record.token, at: (at >= 0).then_some(Offset(at)) },
            Item::Publish(record) => ProducerFact::Published { token: record.token, result: Ok(()) },
        });
    }

    fn failed(&self, token: usize, code: Code) {
        let (facts, up) = {
            let mut state = self.lock();
            let alone = state.single.answered(token);
            if is_size(code)
                && !alone
                && let Some(pending) = state.pending.get_mut(&token)
            {
                pending.alone = true;
                return state.single.add(token);
            }
            let Some(mut pending) = state.pending.remove(&token) else { return };
            // Nothing else says that it was not written: an earlier try of the client may have been.
            let unsure = if matches!(code, Code::QueueFull | Code::PurgeQueue) { None } else { pending.unsure() };
            let (wait, fact) = pending.after(code, &mut state);
            if let Some(wait) = wait {
                state.waiting.insert((Instant::now() + wait, token));
                state.pending.insert(token, pending);
            } else if state.pending.is_empty() {
                self.empty.notify_all();
            }
            (unsure.into_iter().chain(fact), state.nobody_waits())
        };
        // Told before it is sent again: a record that may land twice is treated with care from now on.
        for fact in facts {
            (self.sink)(fact);
        }
        if up {
            (self.sink)(ProducerFact::Up);
        }
    }

    fn went_down(&self, down: Down, why: &str) {
        let news = self.lock().down.replace(down).is_none();
        if news {
            (self.sink)(ProducerFact::Down { why: why.to_owned() });
        }
    }

    fn probe(&self, client: &BaseProducer<Host>) {
        let topic = self.lock().topic.clone();
        if client.client().fetch_metadata(topic.as_deref(), PROBE).is_ok() {
            let up = {
                let mut state = self.lock();
                let up = state.down == Some(Down::Brokers);
                if up {
                    state.down = None;
                }
                up
            };
            if up {
                (self.sink)(ProducerFact::Up);
            }
        }
    }

    /// A fatal error of an idempotent producer (its sequence is broken) ends the client. What was pending is written by a new one, perhaps
    /// for a second time: the letter id tells.
    fn rebuild(self: &Arc<Self>) {
        let client = match self.connect() {
            Ok(client) => client,
            Err(error) => {
                tracing::error!(%error, "the producer can't be replaced yet");
                return;
            }
        };
        if let Some(tokens) = &self.tokens {
            tokens.anew();
        }
        let old = self.client.write().unwrap_or_else(PoisonError::into_inner).replace(client);
        let mut unsure = Vec::new();
        let tokens: Vec<usize> = {
            let mut state = self.lock();
            state.rebuild = false;
            state.waiting.clear();
            state.single = Single::default();
            let mut pending: Vec<(usize, Pending)> = state.pending.drain().collect();
            pending.sort_unstable_by_key(|(token, _)| *token);
            // New tokens, so that late answers to the old client are not mistaken for answers to the new one.
            pending
                .into_iter()
                .map(|(_, mut pending)| {
                    unsure.extend(pending.unsure());
                    state.next = state.next.wrapping_add(1);
                    let token = state.next;
                    state.pending.insert(token, pending);
                    token
                })
                .collect()
        };
        unsure.into_iter().for_each(|fact| (self.sink)(fact));
        let spawned = std::thread::Builder::new().name("onceward-retire".to_owned()).spawn(move || drop(old));
        if let Err(error) = spawned {
            tracing::error!(%error, "the old producer was destroyed in place");
        }
        for token in tokens {
            self.attempt(token);
        }
    }
}
