//! What the source hands over, into the engine: in the order of each partition, and as far as there is room.
//!
//! The source's batches hold records of several partitions. What belongs to a partition that the engine does not want more of steps aside:
//! a topic that is paused, or whose events wait, must not stand in the way of the others. What is aside is little, since the source holds
//! such a partition back as soon as it hears of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use onceward_engine::{Input, PartitionId, Timestamp};

use super::Driver;
use crate::kafka::Batch;

/// What the source said of a partition's log, in its order: an end or a gap that overtook the records before it would have them passed over.
pub(crate) enum Arrived {
    Batch(Batch),
    Behind(PartitionId, Input),
}

/// The same, one by one.
enum Next {
    Record(Arc<Batch>, usize),
    Behind(Input),
}

/// A batch of which a part was handed in.
struct Begun {
    batch: Arc<Batch>,
    next: usize,
}

/// What has arrived and is not handed in.
#[derive(Default)]
pub(crate) struct Intake {
    pub(crate) arrived: VecDeque<Arrived>,
    begun: Option<Begun>,
    aside: BTreeMap<PartitionId, VecDeque<Next>>,
}

impl Driver {
    /// Hands in what the engine has room for. Whether there was anything.
    pub(crate) fn feed(&mut self) -> bool {
        let now = self.clock.now();
        let mut fed = self.feed_letters();
        fed |= self.feed_aside(now);
        loop {
            if let Some(mut begun) = self.intake.begun.take() {
                while begun.next < begun.batch.len() {
                    let partition = begun.batch.record(begun.next).meta.partition;
                    if self.engine.is_paused(partition) {
                        self.put_aside(partition, Next::Record(Arc::clone(&begun.batch), begun.next));
                    } else if !self.follows(partition) && self.hand_in(now, &begun.batch, begun.next) {
                        fed = true;
                    } else {
                        self.intake.begun = Some(begun);
                        return fed;
                    }
                    begun.next += 1;
                }
            }
            match self.intake.arrived.pop_front() {
                Some(Arrived::Batch(batch)) => {
                    self.source.batch_taken();
                    self.intake.begun = Some(Begun { batch: self.payloads.adopt(batch), next: 0 });
                }
                Some(Arrived::Behind(partition, input)) if self.engine.is_paused(partition) => {
                    self.put_aside(partition, Next::Behind(input));
                }
                Some(behind @ Arrived::Behind(partition, _)) if self.follows(partition) => {
                    self.intake.arrived.push_front(behind);
                    return fed;
                }
                Some(Arrived::Behind(_, input)) => {
                    self.engine.handle(now, input);
                    fed = true;
                }
                None => return fed,
            }
        }
    }

    fn put_aside(&mut self, partition: PartitionId, next: Next) {
        self.intake.aside.entry(partition).or_default().push_back(next);
    }

    /// Whether something of a partition must wait for what came before it and was refused for want of room. It does not step aside as well:
    /// nobody holds the source back, and all that it brings would be kept.
    fn follows(&self, partition: PartitionId) -> bool {
        !self.intake.aside.is_empty() && self.intake.aside.contains_key(&partition)
    }

    /// What waited comes first, as soon as the engine wants it; of a partition that went, the engine wants all, to forget it.
    fn feed_aside(&mut self, now: Timestamp) -> bool {
        let mut fed = false;
        let waiting: Vec<PartitionId> = self.intake.aside.keys().copied().collect();
        for partition in waiting {
            let Some(mut queue) = self.intake.aside.remove(&partition) else { continue };
            while !self.engine.is_paused(partition) {
                let handed = match queue.front() {
                    Some(Next::Record(batch, index)) => self.hand_in(now, batch, *index),
                    Some(Next::Behind(input)) => {
                        self.engine.handle(now, input.clone());
                        true
                    }
                    None => break,
                };
                if !handed {
                    break;
                }
                queue.pop_front();
                fed = true;
            }
            if !queue.is_empty() {
                self.intake.aside.insert(partition, queue);
            }
        }
        fed
    }

    /// Hands a record in, if there is room.
    fn hand_in(&mut self, now: Timestamp, batch: &Arc<Batch>, index: usize) -> bool {
        let record = batch.record(index);
        let bytes = record.size();
        if !self.engine.accepts(record.meta.partition, bytes) {
            self.engine.handle(now, Input::Refused { bytes });
            return false;
        }
        let fetched = self.payloads.admit(batch, index, bytes);
        self.progress.consumed(fetched.partition);
        if fetched.ignored
            && let Some(name) = self.partitions.name(fetched.partition)
        {
            self.letters.passed_over(&batch.record(index), &name.topic);
        }
        self.engine.handle(now, Input::Fetched(fetched));
        true
    }
}
