//! A mock cluster, a source on it, and a driver that only listens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use onceward::kafka::{
    Batch, DedupScope, IdentitySource, KeySource, OffsetReset, Source, SourceFact, SourceOrder, SourceSettings, TopicSettings,
    consumer_properties,
};
use onceward_engine::{Epoch, Offset, PartitionId, PolicyId};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};

/// Longer than anything here takes, even on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) type Cluster = MockCluster<'static, DefaultProducerContext>;

pub(crate) fn cluster(topic: &str, partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(topic, partitions, 1).unwrap();
    cluster
}

/// Writes `count` records per partition; the value is the offset.
pub(crate) fn fill(cluster: &Cluster, topic: &str, partitions: i32, offsets: std::ops::Range<i64>) {
    fill_each(cluster, topic, 0..partitions, offsets, 0);
}

/// Writes records to some partitions, with keys of at least so many bytes.
pub(crate) fn fill_each(cluster: &Cluster, topic: &str, partitions: std::ops::Range<i32>, offsets: std::ops::Range<i64>, key: usize) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("queue.buffering.max.messages", "1000000")
        .create()
        .unwrap();
    let padding = "k".repeat(key);
    for partition in partitions {
        for offset in offsets.clone() {
            let (key, value) = (format!("{padding}k{}", offset % 7), offset.to_string());
            producer.send(BaseRecord::to(topic).partition(partition).key(&key).payload(&value)).unwrap();
        }
    }
    producer.flush(LONG).unwrap();
}

pub(crate) fn settings(cluster: &Cluster, group: &str, topic: &str) -> SourceSettings {
    // Below the three seconds that a mock group waits for its first members nobody ever joins.
    let user = [("session.timeout.ms", "4000"), ("heartbeat.interval.ms", "100")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    SourceSettings {
        client: consumer_properties(&cluster.bootstrap_servers(), group, &user),
        group: group.to_owned(),
        topics: vec![TopicSettings {
            name: topic.to_owned(),
            policy: PolicyId(3),
            identity: IdentitySource::Automatic,
            scope: DedupScope::Topic,
            order_key: KeySource::Key,
            event_type: onceward::kafka::TypeSource::Automatic,
            routing: None,
            pattern: None,
        }],
        reset: OffsetReset::Earliest,
        drain: Duration::from_secs(20),
        batch_records: 100,
        batch_bytes: 1 << 20,
        batches_ahead: 2,
    }
}

/// A source, its facts, and what they add up to.
pub(crate) struct Listener {
    pub(crate) source: Source,
    pub(crate) facts: Receiver<SourceFact>,
    /// Live assignments: partition number, id, epoch, where it began.
    pub(crate) assigned: BTreeMap<i32, (PartitionId, Epoch, Offset)>,
    /// Offsets handed over, by partition number, in order.
    pub(crate) seen: BTreeMap<i32, Vec<i64>>,
    numbers: BTreeMap<PartitionId, i32>,
    /// Whether batches are taken off as they come.
    pub(crate) taking: bool,
    pub(crate) not_taken: usize,
}

impl Listener {
    pub(crate) fn start(settings: SourceSettings) -> Self {
        let (sender, facts) = crossbeam_channel::unbounded();
        let source = Source::start(settings, Box::new(move |fact| drop(sender.send(fact)))).unwrap();
        Self { source, facts, assigned: BTreeMap::new(), seen: BTreeMap::new(), numbers: BTreeMap::new(), taking: true, not_taken: 0 }
    }

    /// The next fact, counted in. `None` when there is none in time.
    pub(crate) fn next(&mut self, within: Duration) -> Option<SourceFact> {
        let fact = self.facts.recv_timeout(within).ok()?;
        match &fact {
            SourceFact::Assigned { partition, epoch, name, from, .. } => {
                self.numbers.insert(*partition, name.number);
                let earlier = self.assigned.insert(name.number, (*partition, *epoch, *from));
                assert!(earlier.is_none_or(|(_, earlier, _)| earlier < *epoch), "epochs rise");
            }
            SourceFact::Batch(batch) => self.batch(batch),
            SourceFact::Lost { partition, .. } => {
                self.assigned.remove(&self.numbers[partition]);
            }
            _ => {}
        }
        Some(fact)
    }

    fn batch(&mut self, batch: &Batch) {
        for record in batch.iter() {
            let number = self.numbers[&record.meta.partition];
            let (_, epoch, _) = self.assigned[&number];
            assert_eq!(record.meta.epoch, epoch, "records carry the live epoch");
            assert_eq!(record.value(), Some(record.meta.offset.0.to_string().as_bytes()), "bytes belong to their offset");
            assert_eq!(record.meta.policy, PolicyId(3));
            self.seen.entry(number).or_default().push(record.meta.offset.0);
        }
        if self.taking {
            self.source.batch_taken();
        } else {
            self.not_taken += 1;
        }
    }

    /// Takes off what was held back.
    pub(crate) fn take_rest(&mut self) {
        self.taking = true;
        for _ in 0..std::mem::take(&mut self.not_taken) {
            self.source.batch_taken();
        }
    }

    /// Listens until a fact fits.
    pub(crate) fn until<T>(&mut self, what: &str, mut fits: impl FnMut(&SourceFact) -> Option<T>) -> T {
        let end = Instant::now() + LONG;
        loop {
            let fact = self.next(end.saturating_duration_since(Instant::now())).unwrap_or_else(|| panic!("no {what} in time"));
            assert!(!matches!(fact, SourceFact::Fatal(_)) || what.contains("fatal"), "{fact:?}");
            if let Some(found) = fits(&fact) {
                return found;
            }
        }
    }

    /// Listens until so many records were handed over in all.
    pub(crate) fn until_seen(&mut self, count: usize) {
        while self.total() < count {
            self.until("records", |_| Some(()));
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.seen.values().map(Vec::len).sum()
    }

    pub(crate) fn until_assigned(&mut self, count: usize) {
        while self.assigned.len() < count {
            self.until("assignment", |_| Some(()));
        }
    }

    pub(crate) fn commit(&mut self, number: i32, next: i64) -> Option<String> {
        let (partition, epoch, _) = self.assigned[&number];
        self.source.order(SourceOrder::Commit { partition, epoch, next: Offset(next) });
        self.until("commit", |fact| match fact {
            SourceFact::Committed { partition: of, epoch: at, next: asked, error }
                if *of == partition && *at == epoch && asked.0 == next =>
            {
                Some(error.clone())
            }
            _ => None,
        })
    }

    /// Commits as the driver does: what is refused because the group rebalances is asked for again.
    pub(crate) fn commit_at_last(&mut self, number: i32, next: i64) {
        let end = Instant::now() + LONG;
        while let Some(error) = self.commit(number, next) {
            assert!(error.contains("RebalanceInProgress") && Instant::now() < end, "{error}");
        }
    }

    /// Closes; how long it took.
    pub(crate) fn close(mut self, deadline: Duration) -> Duration {
        self.take_rest();
        let start = Instant::now();
        self.source.order(SourceOrder::Close { deadline });
        self.until("closed or fatal", |fact| matches!(fact, SourceFact::Closed).then_some(()));
        self.source.join();
        start.elapsed()
    }

    /// Every partition was read from `from` to `to`, nothing twice, nothing left out.
    pub(crate) fn assert_whole(&self, from: i64, to: i64) {
        for (number, offsets) in &self.seen {
            assert_eq!(*offsets, (from..to).collect::<Vec<_>>(), "partition {number}");
        }
    }
}
