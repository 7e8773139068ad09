//! What stands for the poll thread: hands records over, takes orders about partitions.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use onceward_engine::{Epoch, Offset, PartitionId};

use super::world::{Name, World};
use crate::config::Settings;
use crate::driver::Upstream;
use crate::inbox::PartitionName;
use crate::kafka::{BatchBuilder, Identifier, OffsetReset, SourceFact, SourceOrder, SourceSink, Start, TopicSettings, begin};

/// As the poll thread's.
const BATCH: usize = 1_000;
const AHEAD: usize = 3;

/// Whose a partition is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Away,
    Ours,
    Revoking,
}

struct Slot {
    name: Name,
    topic: usize,
    epoch: Epoch,
    whose: Whose,
    position: i64,
    held: bool,
    /// The end that was reported, since it is reported once.
    told_end: i64,
}

struct State {
    sink: SourceSink,
    reset: OffsetReset,
    topics: Vec<(TopicSettings, Identifier)>,
    slots: Vec<Slot>,
    orders: VecDeque<SourceOrder>,
    epochs: u64,
    /// Batches that the loop has not taken off.
    ahead: usize,
    /// The partition whose turn it was last.
    turn: usize,
}

/// One life's connection to the simulated cluster.
#[derive(Clone)]
pub(super) struct Feed(Arc<Mutex<State>>);

impl Upstream for Feed {
    fn order(&self, order: SourceOrder) {
        self.lock().orders.push_back(order);
    }

    fn batch_taken(&self) {
        let mut state = self.lock();
        state.ahead = state.ahead.saturating_sub(1);
    }
}

impl Feed {
    /// Joins the group: every partition that nobody else has is assigned.
    pub(super) fn join(settings: &Settings, topics: Vec<TopicSettings>, sink: SourceSink, world: &World) -> Self {
        let mut state = State {
            sink,
            reset: settings.auto_offset_reset,
            topics: topics.into_iter().map(|topic| (topic.clone(), Identifier::new(&settings.group, &topic))).collect(),
            slots: Vec::new(),
            orders: VecDeque::new(),
            epochs: 0,
            ahead: 0,
            turn: 0,
        };
        (0..state.topics.len()).for_each(|topic| state.lay_out(topic, world));
        (0..state.slots.len()).for_each(|index| state.assign_if_free(index, world));
        Self(Arc::new(Mutex::new(state)))
    }

    /// A topic that a pattern matches is there, and is subscribed.
    pub(super) fn find(&self, topic: TopicSettings, group: &str, world: &World) {
        let mut state = self.lock();
        (state.sink)(SourceFact::Joined { topic: Box::new(topic.clone()) });
        let identifier = Identifier::new(group, &topic);
        state.topics.push((topic, identifier));
        let (new, before) = (state.topics.len() - 1, state.slots.len());
        state.lay_out(new, world);
        (before..state.slots.len()).for_each(|index| state.assign_if_free(index, world));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the next thing that is to be done; whether there was one.
    pub(super) fn pump(&self, world: &World) -> bool {
        let mut state = self.lock();
        let mut did = false;
        while let Some(order) = state.orders.pop_front() {
            state.carry_out(&order, world);
            did = true;
        }
        did || state.fetch(world)
    }

    /// The group gives the partition to us, if it was away. Whether there is such a partition.
    pub(super) fn assign(&self, topic: &str, number: i32, world: &World) -> bool {
        self.with(topic, number, |state, index| {
            if state.slots[index].whose == Whose::Away {
                world.lock().elsewhere.remove(&state.slots[index].name);
                state.assign(index, world);
            }
        })
    }

    /// The group wants the partition back, after what runs has been finished and committed.
    pub(super) fn revoke(&self, topic: &str, number: i32, world: &World) -> bool {
        self.with(topic, number, |state, index| {
            let slot = &mut state.slots[index];
            world.lock().elsewhere.insert(slot.name.clone());
            if slot.whose == Whose::Ours {
                slot.whose = Whose::Revoking;
                let fact = SourceFact::Revoking { partition: number_of(index), epoch: slot.epoch };
                world.note(format!("{topic}/{number} revoked"));
                (state.sink)(fact);
            }
        })
    }

    /// The partition is gone already.
    pub(super) fn lose(&self, topic: &str, number: i32, world: &World) -> bool {
        self.with(topic, number, |state, index| {
            let slot = &mut state.slots[index];
            world.lock().elsewhere.insert(slot.name.clone());
            if slot.whose != Whose::Away {
                slot.whose = Whose::Away;
                let fact = SourceFact::Lost { partition: number_of(index), epoch: slot.epoch };
                world.note(format!("{topic}/{number} lost"));
                (state.sink)(fact);
            }
        })
    }

    fn with(&self, topic: &str, number: i32, act: impl FnOnce(&mut State, usize)) -> bool {
        let mut state = self.lock();
        let found = state.slots.iter().position(|slot| &*slot.name.0 == topic && slot.name.1 == number);
        if let Some(index) = found {
            act(&mut state, index);
        }
        found.is_some()
    }
}

impl State {
    /// A place for each partition of a topic.
    fn lay_out(&mut self, topic: usize, world: &World) {
        let name: Arc<str> = self.topics[topic].0.name.as_str().into();
        let count = world.lock().log.partitions(&name);
        for number in 0..count {
            let name = (Arc::clone(&name), number);
            let (epoch, whose) = (Epoch::default(), Whose::Away);
            self.slots.push(Slot { name, topic, epoch, whose, position: 0, held: false, told_end: -1 });
        }
    }

    fn assign_if_free(&mut self, index: usize, world: &World) {
        if !world.lock().elsewhere.contains(&self.slots[index].name) {
            self.assign(index, world);
        }
    }

    fn assign(&mut self, index: usize, world: &World) {
        let name = self.slots[index].name.clone();
        let (committed, end) = {
            let world = world.lock();
            let committed = world.committed.get(&name).copied();
            let end = world.log.end(&name.0, name.1);
            (committed, if world.frozen { committed.unwrap_or(0) } else { end })
        };
        let mut topic_id = [0; 16];
        topic_id.copy_from_slice(&blake3::hash(name.0.as_bytes()).as_bytes()[..16]);
        let start = Start { place: name.clone(), topic_id, committed, oldest: 0, end, grown: false, fresh: false };
        let begun = match begin(&start, self.reset) {
            Ok(begun) => begun,
            Err(error) => return (self.sink)(SourceFact::Fatal(error)),
        };
        self.epochs = self.epochs.saturating_add(1);
        let slot = &mut self.slots[index];
        (slot.epoch, slot.whose) = (Epoch(self.epochs), Whose::Ours);
        (slot.position, slot.held, slot.told_end) = (begun.native, false, -1);
        world.note(format!("{}/{} assigned from {}", name.0, name.1, begun.from));
        let fact = SourceFact::Assigned {
            grown: false,
            partition: number_of(index),
            epoch: slot.epoch,
            name: PartitionName { topic: name.0, topic_id, number: name.1 },
            from: Offset(begun.from),
            committed: begun.committed,
            oldest: Offset(0),
            newest: Offset(end),
            policy: self.topics[slot.topic].0.policy,
        };
        (self.sink)(fact);
    }

    /// The slot of a partition, if this epoch of it is not over.
    fn live(&mut self, partition: PartitionId, epoch: Epoch) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(usize::try_from(partition.0).ok()?)?;
        (slot.epoch == epoch && slot.whose != Whose::Away).then_some(slot)
    }

    fn carry_out(&mut self, order: &SourceOrder, world: &World) {
        match *order {
            SourceOrder::Pause { partition, epoch } => {
                if let Some(slot) = self.live(partition, epoch) {
                    slot.held = true;
                }
            }
            SourceOrder::Resume { partition, epoch } => {
                if let Some(slot) = self.live(partition, epoch) {
                    slot.held = false;
                }
            }
            SourceOrder::Seek { partition, epoch, to } => {
                if let Some(slot) = self.live(partition, epoch) {
                    (slot.position, slot.told_end) = (to.0, -1);
                }
            }
            SourceOrder::Commit { partition, epoch, next } => {
                let mut error = Some("the partition was given back before this commit".to_owned());
                if let Some(slot) = self.live(partition, epoch) {
                    error = None;
                    world.note(format!("{}/{} committed {}", slot.name.0, slot.name.1, next.0));
                    world.lock().committed.insert(slot.name.clone(), next.0);
                }
                (self.sink)(SourceFact::Committed { partition, epoch, next, error });
            }
            SourceOrder::Release { partition, epoch } => {
                if let Some(slot) = self.live(partition, epoch) {
                    slot.whose = Whose::Away;
                    world.note(format!("{}/{} given back", slot.name.0, slot.name.1));
                }
            }
            // Nobody looks for topics here: a record that is sent finds them. And nobody else claims anything.
            SourceOrder::Subscribe(_) | SourceOrder::Disown { .. } | SourceOrder::Reassign { .. } => {}
            SourceOrder::Close { .. } => (self.sink)(SourceFact::Closed),
        }
    }

    /// Hands over one batch of one partition, or says that its end is reached.
    fn fetch(&mut self, world: &World) -> bool {
        for _ in 0..self.slots.len() {
            self.turn = (self.turn + 1) % self.slots.len();
            let (index, slot) = (self.turn, &self.slots[self.turn]);
            if slot.whose != Whose::Ours {
                continue;
            }
            let world_now = world.lock();
            let end = if world_now.frozen { slot.position } else { world_now.log.end(&slot.name.0, slot.name.1) };
            drop(world_now);
            if slot.position < end {
                if !slot.held && self.ahead < AHEAD {
                    self.hand_over(index, world);
                    return true;
                }
            } else if slot.told_end != slot.position {
                let fact = SourceFact::ReachedEnd { partition: number_of(index), epoch: slot.epoch, position: Offset(slot.position) };
                self.slots[index].told_end = self.slots[index].position;
                (self.sink)(fact);
                return true;
            }
        }
        false
    }

    fn hand_over(&mut self, index: usize, world: &World) {
        let slot = &mut self.slots[index];
        let (topic, identifier) = &self.topics[slot.topic];
        let (world, mut builder) = (world.lock(), BatchBuilder::default());
        let from = usize::try_from(slot.position).unwrap_or(usize::MAX);
        let records = world.log.partition(&slot.name.0, slot.name.1).get(from..).unwrap_or_default();
        for record in records.iter().take(BATCH) {
            builder.begin(record.key.as_deref(), record.value.as_deref());
            for (name, value) in &record.headers {
                builder.header(name, value.as_deref());
            }
            let (partition, offset) = (number_of(index), Offset(slot.position));
            let place = (&*slot.name.0, slot.name.1);
            let mut meta = match identifier.meta(&builder.begun(), (partition, slot.epoch, offset), topic.policy, place) {
                Ok(meta) => meta,
                Err(error) => {
                    (self.sink)(SourceFact::Fatal(error));
                    break;
                }
            };
            meta.timestamp = Some(record.timestamp);
            builder.finish(meta);
            slot.position += 1;
        }
        self.ahead += 1;
        (self.sink)(SourceFact::Batch(builder.take()));
    }
}

fn number_of(index: usize) -> PartitionId {
    PartitionId(u32::try_from(index).unwrap_or(u32::MAX))
}
