//! Marks in memory: for tests, and for services that accept to forget at restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use onceward_engine::{DeliveryId, Digest, Epoch, MarkResult, Offset, PartitionId};

use super::clock::{BucketTime, Clock, SystemClock};
use super::place::{Held, Place, Position};
use super::recent::IdMap;
use super::{Identity, Inbox, InboxError, InboxFact, InboxSink, InboxStats, LookUp, Mark, Marked, PartitionName};

/// How long marks are kept unless told otherwise.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// An inbox without a file. Answers from [`Inbox::flush`], on the caller's thread.
pub struct MemoryInbox {
    sink: InboxSink,
    clock: Arc<dyn Clock>,
    time: BucketTime,
    /// Marks by bucket; a bucket is named by its end.
    buckets: BTreeMap<i64, IdMap<Digest>>,
    queued_ids: IdMap<u32>,
    positions: HashMap<(Arc<str>, i32), ([u8; 16], Position)>,
    places: HashMap<PartitionId, (Place, (Arc<str>, i32))>,
    released: HashMap<PartitionId, Epoch>,
    queue: Vec<(u64, Mark)>,
    asked: Vec<(DeliveryId, Identity, Digest)>,
    arrivals: Vec<(PartitionId, Epoch, Option<Offset>, bool)>,
    number: u64,
    decided: u64,
    commits: u64,
}

impl MemoryInbox {
    /// An empty inbox.
    #[must_use]
    pub fn open(sink: InboxSink) -> Self {
        Self::with_clock(sink, RETENTION, Arc::new(SystemClock::default()))
    }

    /// An empty inbox that keeps marks that long, by that clock.
    #[must_use]
    pub fn with_clock(sink: InboxSink, retention: Duration, clock: Arc<dyn Clock>) -> Self {
        let time = BucketTime::start(clock.as_ref(), retention, 0);
        Self {
            sink,
            clock,
            time,
            buckets: BTreeMap::new(),
            queued_ids: IdMap::default(),
            positions: HashMap::new(),
            places: HashMap::new(),
            released: HashMap::new(),
            queue: Vec::new(),
            asked: Vec::new(),
            arrivals: Vec::new(),
            number: 0,
            decided: 0,
            commits: 0,
        }
    }

    fn stored(&self, id: u128) -> Option<Digest> {
        self.buckets.values().rev().find_map(|bucket| bucket.get(&id).copied())
    }

    fn is_released(&self, partition: PartitionId, epoch: Epoch) -> bool {
        self.released.get(&partition).is_some_and(|&over| epoch <= over)
    }

    fn write(&mut self, number: u64, mark: &Mark, bucket: i64) -> (MarkResult, Option<String>) {
        if self.is_released(mark.partition, mark.epoch) {
            self.forget(number, mark);
            return (MarkResult::Dropped, None);
        }
        if let Identity::Event(id) = mark.identity
            && let Some(digest) = self.stored(id.0)
        {
            return (MarkResult::Duplicate { digest }, None);
        }
        if !mark.statements.is_empty() {
            self.forget(number, mark);
            let why = "the memory inbox keeps no effects; name an SQLite file in `inbox`";
            return (MarkResult::EffectFailed { fatal: true }, Some(why.to_owned()));
        }
        match mark.identity {
            Identity::Event(id) => {
                self.buckets.entry(bucket).or_default().insert(id.0, mark.digest);
            }
            Identity::Coordinates { partition, offset } => {
                if let Some((_, name)) = self.places.get(&partition)
                    && let Some((_, position)) = self.positions.get_mut(name)
                {
                    position.handled.insert(offset.0);
                }
            }
        }
        (MarkResult::Durable, None)
    }

    fn forget(&mut self, number: u64, mark: &Mark) {
        if let Identity::Coordinates { partition, offset } = mark.identity
            && let Some((place, _)) = self.places.get_mut(&partition)
        {
            place.unmark(offset, number);
        }
    }

    fn dequeue(&mut self, id: u128) {
        if let Some(count) = self.queued_ids.get_mut(&id) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.queued_ids.remove(&id);
            }
        }
    }

    fn expire(&mut self, now: i64) {
        let Some(until) = self.time.expired_until(now) else { return };
        while let Some(entry) = self.buckets.first_entry()
            && *entry.key() <= until
        {
            entry.remove();
        }
    }
}

impl Inbox for MemoryInbox {
    fn catch_up(&mut self, partition: PartitionId, epoch: Epoch, name: &PartitionName) {
        let key = (Arc::clone(&name.topic), name.number);
        let (topic_id, position) = self.positions.entry(key.clone()).or_default();
        let recreated = *topic_id != [0; 16] && name.topic_id != [0; 16] && *topic_id != name.topic_id;
        if recreated {
            *position = Position::default();
        }
        if name.topic_id != [0; 16] {
            *topic_id = name.topic_id;
        }
        self.arrivals.push((partition, epoch, position.committed, recreated));
        self.places.insert(partition, (Place::loaded(epoch, position.clone()), key));
    }

    fn look_up(&mut self, delivery: DeliveryId, identity: Identity, digest: Digest) -> LookUp {
        let held = match identity {
            Identity::Event(id) if self.queued_ids.contains_key(&id.0) => Held::Queued,
            Identity::Event(id) => return self.stored(id.0).map_or(LookUp::NotSeen, LookUp::Seen),
            Identity::Coordinates { partition, offset } => {
                self.places.get(&partition).map_or(Held::No, |(place, _)| place.holds(offset, self.decided))
            }
        };
        match held {
            Held::No => LookUp::NotSeen,
            Held::Yes => LookUp::Seen(digest),
            Held::Queued => {
                self.asked.push((delivery, identity, digest));
                LookUp::Pending
            }
        }
    }

    fn mark(&mut self, mark: Mark) {
        self.number = self.number.saturating_add(1);
        match mark.identity {
            Identity::Event(id) => {
                let count = self.queued_ids.entry(id.0).or_default();
                *count = count.saturating_add(1);
            }
            Identity::Coordinates { partition, offset } => {
                if let Some((place, _)) = self.places.get_mut(&partition) {
                    place.mark(offset, self.number, self.decided);
                }
            }
        }
        self.queue.push((self.number, mark));
    }

    fn committed(&mut self, partition: PartitionId, epoch: Epoch, next: Offset) {
        if self.is_released(partition, epoch) {
            return;
        }
        if let Some((place, name)) = self.places.get_mut(&partition)
            && place.epoch == epoch
        {
            place.commit(next);
            if let Some((_, position)) = self.positions.get_mut(name) {
                position.commit(next);
            }
        }
    }

    fn release(&mut self, partition: PartitionId, epoch: Epoch) {
        let over = self.released.entry(partition).or_default();
        *over = (*over).max(epoch);
    }

    fn flush(&mut self) {
        let now = self.time.look(self.clock.as_ref());
        self.expire(now);
        let bucket = self.time.bucket(now);
        let queue = std::mem::take(&mut self.queue);
        let mut results = Vec::with_capacity(queue.len());
        for (number, mark) in queue {
            let (result, error) = self.write(number, &mark, bucket);
            if let Identity::Event(id) = mark.identity {
                self.dequeue(id.0);
            }
            results.push(Marked { delivery: mark.delivery, result, error });
        }
        self.decided = self.number;
        if !results.is_empty() {
            self.commits = self.commits.saturating_add(1);
            (self.sink)(InboxFact::Marked(results));
        }
        for (partition, epoch, remembered, recreated) in std::mem::take(&mut self.arrivals) {
            (self.sink)(InboxFact::CaughtUp { partition, epoch, remembered, recreated });
        }
        let asked = std::mem::take(&mut self.asked);
        if !asked.is_empty() {
            let answers = asked
                .into_iter()
                .map(|(delivery, identity, digest)| match identity {
                    Identity::Event(id) => (delivery, self.stored(id.0)),
                    Identity::Coordinates { partition, offset } => {
                        let held = self.places.get(&partition).map_or(Held::No, |(place, _)| place.holds(offset, self.decided));
                        (delivery, (held == Held::Yes).then_some(digest))
                    }
                })
                .collect();
            (self.sink)(InboxFact::LookedUp(answers));
        }
    }

    fn keeps_effects(&self) -> bool {
        false
    }

    fn stats(&self) -> InboxStats {
        let marks = self.buckets.values().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.len() as u64));
        InboxStats {
            marks,
            memory_bytes: marks.saturating_mul(33),
            commits: self.commits,
            expiry_suspended: self.time.suspended(),
            ..InboxStats::default()
        }
    }

    fn close(&mut self, _deadline: Duration) -> Result<(), InboxError> {
        self.flush();
        Ok(())
    }
}
