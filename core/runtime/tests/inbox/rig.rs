//! An inbox, a channel that catches its facts, and a clock that stands until told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use onceward::inbox::{
    Address, Clock, Identity, Inbox, InboxError, InboxFact, InboxSink, LookUp, Mark, Marked, MemoryInbox, PartitionName, PostgresInbox,
    PostgresSettings, SqliteInbox, SqliteSettings, Statement,
};
use onceward_engine::{DeliveryId, Digest, Epoch, EventHash, MarkResult, Offset, PartitionId};

pub(crate) const LONG: Duration = Duration::from_secs(30);
pub(crate) const DAY_MS: i64 = 24 * 3_600_000;
pub(crate) const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A clock that tests move.
#[derive(Default)]
pub(crate) struct Hands {
    wall: AtomicI64,
    steady: AtomicI64,
}

impl Hands {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(1_700_000_000_000), steady: AtomicI64::new(0) })
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn step_wall(&self, millis: i64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn wall_ms(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn steady_ms(&self) -> i64 {
        self.steady.load(Ordering::SeqCst)
    }
}

pub(crate) struct Rig {
    pub(crate) inbox: Box<dyn Inbox>,
    facts: Receiver<InboxFact>,
    slot: u32,
}

pub(crate) fn id(seed: u64) -> Identity {
    Identity::Event(EventHash(xxhash_rust::xxh3::xxh3_128(&seed.to_le_bytes())))
}

pub(crate) fn at(offset: i64) -> Identity {
    Identity::Coordinates { partition: PartitionId(0), offset: Offset(offset) }
}

pub(crate) fn name(topic_id: u8) -> PartitionName {
    PartitionName { topic: Arc::from("orders"), topic_id: [topic_id; 16], number: 3 }
}

pub(crate) fn sql(text: &'static str) -> Vec<Statement> {
    vec![Statement { sql: text.into(), params: Vec::new(), expect_rows: None }]
}

pub(crate) fn settings(path: &Path) -> SqliteSettings {
    SqliteSettings::new(path, "billing")
}

pub(crate) fn postgres(url: &str) -> PostgresSettings {
    PostgresSettings::new(Address::parse(url).unwrap(), "billing")
}

pub(crate) fn sink() -> (InboxSink, Receiver<InboxFact>) {
    let (sender, facts) = unbounded();
    // A rig that is gone does not listen.
    (Arc::new(move |fact| sender.send(fact).unwrap_or_default()), facts)
}

impl Rig {
    pub(crate) fn memory(clock: Arc<Hands>) -> Self {
        let (sink, facts) = sink();
        Self { inbox: Box::new(MemoryInbox::with_clock(sink, WEEK, clock)), facts, slot: 0 }
    }

    pub(crate) fn sqlite(settings: SqliteSettings) -> Self {
        Self::try_sqlite(settings).unwrap()
    }

    pub(crate) fn try_sqlite(settings: SqliteSettings) -> Result<Self, InboxError> {
        let (sink, facts) = sink();
        Ok(Self { inbox: Box::new(SqliteInbox::open(settings, sink)?), facts, slot: 0 })
    }

    pub(crate) fn postgres(settings: PostgresSettings) -> Self {
        Self::try_postgres(settings).unwrap()
    }

    pub(crate) fn try_postgres(settings: PostgresSettings) -> Result<Self, InboxError> {
        let (sink, facts) = sink();
        Ok(Self { inbox: Box::new(PostgresInbox::open(settings, sink)?), facts, slot: 0 })
    }

    pub(crate) fn delivery(&mut self) -> DeliveryId {
        self.slot += 1;
        DeliveryId { slot: self.slot, generation: 0 }
    }

    /// A mark of partition 0, epoch 1, whose digest and lane are the number given.
    pub(crate) fn prepare(&mut self, identity: Identity, number: u32) -> Mark {
        Mark {
            delivery: self.delivery(),
            partition: PartitionId(0),
            epoch: Epoch(1),
            identity,
            digest: Digest(number),
            lane: u128::from(number),
            statements: Vec::new(),
            publishes: None,
        }
    }

    pub(crate) fn fact(&self) -> InboxFact {
        loop {
            match self.facts.recv_timeout(LONG).expect("no fact within 30 s") {
                InboxFact::News => {}
                fact => return fact,
            }
        }
    }

    pub(crate) fn no_fact(&self) -> bool {
        self.facts.is_empty()
    }

    /// Waits for that many decided marks.
    pub(crate) fn decided(&self, count: usize) -> Vec<Marked> {
        let mut decided = Vec::new();
        while decided.len() < count {
            match self.fact() {
                InboxFact::Marked(mut more) => decided.append(&mut more),
                other => panic!("expected marks, got {other:?}"),
            }
        }
        assert_eq!(decided.len(), count);
        decided
    }

    pub(crate) fn write(&mut self, marks: Vec<Mark>) -> Vec<MarkResult> {
        let count = marks.len();
        marks.into_iter().for_each(|mark| self.inbox.mark(mark));
        self.inbox.flush();
        self.decided(count).into_iter().map(|marked| marked.result).collect()
    }

    /// Marks these ids with digest 7 and waits.
    pub(crate) fn keep(&mut self, ids: impl IntoIterator<Item = u64>) {
        let marks: Vec<Mark> = ids.into_iter().map(|seed| self.prepare(id(seed), 7)).collect();
        assert!(self.write(marks).iter().all(|result| *result == MarkResult::Durable));
    }

    /// The final answer to a look-up, pending or not.
    pub(crate) fn seen(&mut self, identity: Identity) -> Option<Digest> {
        let delivery = self.delivery();
        match self.inbox.look_up(delivery, identity, Digest(99)) {
            LookUp::NotSeen => None,
            LookUp::Seen(digest) => Some(digest),
            LookUp::Pending => {
                self.inbox.flush();
                match self.fact() {
                    InboxFact::LookedUp(answers) => {
                        assert_eq!(answers.first().map(|answer| answer.0), Some(delivery));
                        answers.first().and_then(|answer| answer.1)
                    }
                    other => panic!("expected an answer, got {other:?}"),
                }
            }
        }
    }

    pub(crate) fn catch_up(&mut self, epoch: u64, name: &PartitionName) -> (Option<Offset>, bool) {
        self.inbox.catch_up(PartitionId(0), Epoch(epoch), name);
        self.inbox.flush();
        match self.fact() {
            InboxFact::CaughtUp { remembered, recreated, .. } => (remembered, recreated),
            other => panic!("expected to have caught up, got {other:?}"),
        }
    }

    pub(crate) fn close(mut self) {
        self.inbox.close(LONG).unwrap();
    }
}
