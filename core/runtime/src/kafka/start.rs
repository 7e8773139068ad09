//! Where to start in newly assigned partitions: committed offsets and the log's ends, asked on a thread of its own, since a broker may be
//! slow and polling must go on.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::context::Context;
use super::flow::Waker;
use super::poll::is_unknown;
use super::{TopicSettings, fault, pause, sys};
use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer about topic ids holds: a topic may be deleted and made again between two assignments.
const FRESH: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);
/// How often a topic that a pattern found may be unknown before it is taken for gone.
const TRIES: u32 = 20;

/// A topic and a partition number.
pub(crate) type Place = (Arc<str>, i32);

/// A question.
pub(super) enum Question {
    /// Where newly assigned partitions begin; asked again until it is answered. The number comes back with the answer.
    Start { number: u64, places: Vec<Place> },
    /// Nothing: a topic is subscribed from now on.
    Know { topic: String, partitions: i32, fresh: bool },
    /// The log's ends of one partition.
    Ends { place: Place },
    /// Whether a broker answers.
    Alive,
    /// Nothing that matters, of the leaders of these partitions: to be asked wakes the threads that fetch from them.
    Wake { places: Vec<Place> },
}

/// What the broker knows of a partition.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) place: Place,
    pub(crate) topic_id: [u8; 16],
    pub(crate) committed: Option<i64>,
    pub(crate) oldest: i64,
    pub(crate) end: i64,
    /// The topic did not have it when this process started.
    pub(crate) grown: bool,
    /// The topic itself was made while this process ran.
    pub(crate) fresh: bool,
}

/// An answer.
pub(super) enum Answer {
    Start {
        number: u64,
        starts: Vec<Start>,
    },
    Ends {
        place: Place,
        oldest: i64,
        end: i64,
    },
    Alive,
    /// Worth a log line; the question is asked again.
    Slow(String),
    /// It can't be answered.
    Fatal(Error),
}

/// The asking thread's two ends.
pub(super) struct Asker {
    questions: Sender<Question>,
    pub(super) answers: Receiver<Answer>,
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Asker {
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        group: String,
        topics: &[TopicSettings],
        waker: Arc<Waker>,
    ) -> Result<Self, Error> {
        let name = |topic: &TopicSettings| topic.name.clone();
        let found = topics.iter().filter(|topic| topic.pattern.is_some()).map(name).collect();
        let topics = topics.iter().map(name).collect();
        let (questions, inbox) = crossbeam_channel::unbounded();
        let (outbox, answers) = crossbeam_channel::unbounded();
        let stop = Arc::new(AtomicBool::new(false));
        let mut asking = Asking {
            consumer,
            group,
            topics,
            ids: None,
            sizes: HashMap::new(),
            fresh: HashSet::new(),
            found,
            outbox,
            waker,
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new()
            .name("onceward-offsets".to_owned())
            .spawn(move || {
                // While the group is joined there is time, which a first assignment does not have.
                asking.refresh_ids();
                asking.learn_sizes();
                for question in &inbox {
                    if asking.answer(question).is_none() {
                        return;
                    }
                }
            })
            .map_err(|error| fault::broker("starting the offset thread", error.to_string(), "Raise the limit of threads"))?;
        Ok(Self { questions, answers, stop, thread })
    }

    pub(super) fn ask(&self, question: Question) {
        // The thread ends only when this sender goes.
        if self.questions.send(question).is_err() {
            tracing::error!("the offset thread ended");
        }
    }

    /// Lets the thread end, which gives its hold on the client back within one timeout.
    pub(super) fn end(self) -> std::thread::JoinHandle<()> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread
    }
}

struct Asking {
    consumer: Arc<BaseConsumer<Context>>,
    group: String,
    /// What is subscribed.
    topics: Vec<String>,
    /// Topic ids, and when they were asked for.
    ids: Option<(Instant, HashMap<String, [u8; 16]>)>,
    /// How many partitions each topic had at first.
    sizes: HashMap<String, i32>,
    /// Topics that were made while this process ran.
    fresh: HashSet<String>,
    /// Topics that patterns found.
    found: HashSet<String>,
    outbox: Sender<Answer>,
    waker: Arc<Waker>,
    stop: Arc<AtomicBool>,
}

impl Asking {
    /// `None` when nobody listens any more.
    fn answer(&mut self, question: Question) -> Option<()> {
        match question {
            Question::Start { number, places } => self.starts(number, &places),
            Question::Know { topic, partitions, fresh } => {
                self.sizes.insert(topic.clone(), partitions);
                if fresh {
                    self.fresh.insert(topic.clone());
                }
                self.found.insert(topic.clone());
                self.topics.push(topic);
                // Nobody has asked for its id yet.
                self.ids = None;
                Some(())
            }
            Question::Ends { place } => {
                let (oldest, end) = self.insist(&place.0, || self.ends(&place))?;
                self.say(Answer::Ends { place, oldest, end })
            }
            Question::Alive => {
                if self.consumer.fetch_metadata(self.topics.first().map(String::as_str), Duration::from_secs(1)).is_ok() {
                    self.say(Answer::Alive)?;
                }
                Some(())
            }
            Question::Wake { places } => {
                let mut list = pause::list(places.iter());
                let answer = list
                    // As a time: the newest.
                    .set_all_offsets(Offset::End)
                    .and_then(|()| self.consumer.offsets_for_times(list, Duration::from_secs(1)));
                if let Err(error) = answer {
                    tracing::debug!(%error, "waking the fetch of resumed partitions");
                }
                Some(())
            }
        }
    }

    fn starts(&mut self, number: u64, places: &[Place]) -> Option<()> {
        let committed = self.insist(&self.group, || self.committed(places))?;
        if self.ids.as_ref().is_none_or(|(asked, _)| asked.elapsed() > FRESH) {
            self.refresh_ids();
        }
        let mut starts = Vec::with_capacity(places.len());
        let tries = Cell::new(0);
        for place in places {
            let (oldest, end) = match committed.get(place) {
                // Where to start is known; the ends only tell of a gap, and the first fetch tells of that, too. A partition without a
                // leader must not keep the others waiting.
                Some(&from) => self.ends(place).unwrap_or((from, from)),
                None => self.insist(&place.0, || self.ends_or_gone(place, &tries))?,
            };
            starts.push(Start {
                place: place.clone(),
                topic_id: self.ids.as_ref().and_then(|(_, ids)| ids.get(&*place.0)).copied().unwrap_or_default(),
                committed: committed.get(place).copied(),
                oldest,
                end,
                grown: self.sizes.get(&*place.0).is_some_and(|&size| place.1 >= size),
                fresh: self.fresh.contains(&*place.0),
            });
        }
        self.say(Answer::Start { number, starts })
    }

    fn committed(&self, places: &[Place]) -> Result<HashMap<Place, i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (topic, partition) in places {
            list.add_partition(topic, *partition);
        }
        let list = self.consumer.committed_offsets(list, TIMEOUT)?;
        let mut committed = HashMap::new();
        for element in list.elements() {
            element.error()?;
            if let Offset::Offset(offset) = element.offset() {
                committed.insert((Arc::from(element.topic()), element.partition()), offset);
            }
        }
        Ok(committed)
    }

    fn ends(&self, (topic, partition): &Place) -> Result<(i64, i64), KafkaError> {
        self.consumer.fetch_watermarks(topic, *partition, TIMEOUT)
    }

    /// A topic that a pattern found may be gone again before it is begun with, and the others of the assignment must not wait for it.
    fn ends_or_gone(&self, place: &Place, tries: &Cell<u32>) -> Result<(i64, i64), KafkaError> {
        let answer = self.ends(place);
        let unknown = answer.as_ref().is_err_and(|error| error.rdkafka_error_code().is_some_and(is_unknown));
        if unknown && self.found.contains(&*place.0) {
            tries.set(tries.get() + 1);
            if tries.get() > TRIES {
                return Ok((0, 0));
            }
        }
        answer
    }

    /// Ids are a help, not a need: where the broker has none, or is too old to tell, names must do.
    fn refresh_ids(&mut self) {
        let ids = if self.topics.is_empty() {
            Vec::new()
        } else {
            sys::topic_ids(self.consumer.client().native_ptr(), &self.topics, Duration::from_secs(3))
        };
        self.ids = Some((Instant::now(), ids.into_iter().collect()));
    }

    /// What comes on top of these partitions is new: it has no past that anybody could want to skip. Where nobody answers in time, nothing is
    /// taken for new.
    fn learn_sizes(&mut self) {
        for topic in &self.topics {
            let Ok(metadata) = self.consumer.fetch_metadata(Some(topic), Duration::from_secs(1)) else { return };
            let size = metadata.topics().first().filter(|found| found.error().is_none()).map_or(0, |found| found.partitions().len());
            if let Some(size) = i32::try_from(size).ok().filter(|&size| size > 0) {
                self.sizes.insert(topic.clone(), size);
            }
        }
    }

    /// Asks until there is an answer, or it is clear that there will be none.
    fn insist<T>(&self, place: &str, ask: impl Fn() -> Result<T, KafkaError>) -> Option<T> {
        let mut said = false;
        loop {
            let error = match ask() {
                Ok(answer) => return Some(answer),
                Err(error) => error,
            };
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown);
            // A topic that was just assigned exists; brokers that are starting up deny it for a moment.
            if let (false, Some(cure)) = (is_unknown(code), fault::cure(code)) {
                self.say(Answer::Fatal(fault::broker(format!("asking where to start in {place}"), error.to_string(), cure)))?;
                return None;
            }
            if !said {
                said = true;
                self.say(Answer::Slow(format!("the broker does not say where to start in {place} ({error}); asking again")))?;
            }
            if self.stop.load(Ordering::SeqCst) {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn say(&self, answer: Answer) -> Option<()> {
        self.outbox.send(answer).ok()?;
        self.waker.wake();
        Some(())
    }
}
