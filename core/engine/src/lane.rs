//! Lanes: the queues of events that wait for each other, always within one partition.
//!
//! A lane is a list of all unresolved deliveries of its key in offset order, and a cursor. Deliveries before the cursor are done with
//! (their mark is being written, or they are known copies); the one at the cursor is the only one that may start. A delivery that has to
//! run again keeps its place, so moving the cursor back to it is all it takes to restore order. Lanes exist while they hold something.

use hashbrown::HashTable;

use crate::delivery::{Deliveries, NIL};
use crate::ledger::KeyDigest;
use crate::{Fetched, NullKeys, Order, Policy};

/// Which lane of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LaneKey {
    /// Of an order key.
    Key(u128),
    /// Of all events without a key.
    NoKey,
    /// Of the whole partition.
    Whole,
    /// Of one event; not in the table.
    Alone,
    /// Of letters of a key that are handled again: beside the key's live lane, and before it.
    Letters(u128),
}

impl LaneKey {
    pub(crate) fn of(fetched: &Fetched, policy: &Policy) -> Self {
        match (policy.order, fetched.key, policy.null_keys) {
            (Order::Key, Some(key), _) => Self::Key(key.0),
            (Order::Key, None, NullKeys::Serial) => Self::NoKey,
            (Order::Key, None, NullKeys::Parallel) | (Order::None, _, _) => Self::Alone,
            (Order::Partition, _, _) => Self::Whole,
        }
    }

    /// By what the ledger knows it; `None`: its events do not wait for each other.
    pub(crate) fn digest(self) -> Option<KeyDigest> {
        match self {
            Self::Key(key) | Self::Letters(key) => Some(KeyDigest(key)),
            Self::NoKey => Some(KeyDigest::NO_KEY),
            Self::Whole => Some(KeyDigest::WHOLE),
            Self::Alone => None,
        }
    }

    /// The lane of live events that the ledger knows by a digest.
    pub(crate) fn of_digest(digest: KeyDigest) -> Self {
        match digest {
            KeyDigest::NO_KEY => Self::NoKey,
            KeyDigest::WHOLE => Self::Whole,
            KeyDigest(key) => Self::Key(key),
        }
    }

    fn hash(self, partition: u32) -> u64 {
        let bits = match self {
            Self::Key(key) => (key as u64) ^ ((key >> 64) as u64).rotate_left(32),
            Self::NoKey => 1,
            Self::Whole => 2,
            Self::Alone => 3,
            Self::Letters(key) => !((key as u64) ^ ((key >> 64) as u64).rotate_left(32)),
        };
        spread(bits ^ (u64::from(partition) << 32))
    }
}

/// Keys are hashes already: one multiplication brings their bits to both ends, where the table looks.
#[inline]
pub(crate) fn spread(bits: u64) -> u64 {
    let mixed = bits.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 32)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    key: LaneKey,
    partition: u32,
    pub(crate) head: u32,
    pub(crate) tail: u32,
    pub(crate) cursor: u32,
    /// The batch of its run in flight, if there is one.
    pub(crate) batch: u32,
    /// Members of the run in flight that are not answered.
    pub(crate) running: u32,
    /// Members of the run in flight whose marks wait for its end.
    pub(crate) held: u32,
    /// Marks with effects, or behind one in their run, that are not answered.
    pub(crate) bound: u32,
    /// Followers that are not resolved.
    pub(crate) followers: u32,
    /// The event that failed behind them and ended their run, as long as any of them is not answered.
    pub(crate) stopped_at: u32,
    /// False once it is swept: whoever settles it again finds nothing to do.
    live: bool,
    ready: bool,
    /// In which queue it stands while it is ready.
    queue: u32,
    ready_next: u32,
    ready_prev: u32,
}

impl Lane {
    /// A mark with effects, or behind one in its run, is answered.
    pub(crate) fn unbind(&mut self) {
        self.bound = self.bound.saturating_sub(1);
        if self.bound == 0 {
            self.stopped_at = NIL;
        }
    }
}

/// A queue of lanes, linked through them.
#[derive(Clone, Copy, Debug)]
struct Queue {
    head: u32,
    tail: u32,
}

const EMPTY: Queue = Queue { head: NIL, tail: NIL };

/// Those that may start. Behind it in the table: one queue for each policy, of lanes that its gate holds back, and a last one for lanes
/// whose next event has to run alone.
const READY: u32 = 0;

/// All lanes, and the queue of those that may start a run.
#[derive(Clone, Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    free: Vec<u32>,
    table: HashTable<u32>,
    queues: Vec<Queue>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { lanes: Vec::new(), free: Vec::new(), table: HashTable::new(), queues: vec![EMPTY] }
    }
}

impl Lane {
    pub(crate) fn key(&self) -> LaneKey {
        self.key
    }

    pub(crate) fn partition(&self) -> u32 {
        self.partition
    }
}

impl Lanes {
    /// The lane of a key, made if there is none.
    pub(crate) fn enter(&mut self, partition: u32, key: LaneKey) -> u32 {
        if key == LaneKey::Alone {
            return self.make(partition, key);
        }
        if let Some(lane) = self.find(partition, key) {
            return lane;
        }
        let hash = key.hash(partition);
        let lane = self.make(partition, key);
        let lanes = &self.lanes;
        self.table.insert_unique(hash, lane, |&other| {
            let other = &lanes[other as usize];
            other.key.hash(other.partition)
        });
        lane
    }

    /// The lane of a key, if there is one.
    #[inline]
    pub(crate) fn find(&self, partition: u32, key: LaneKey) -> Option<u32> {
        let found = self.table.find(key.hash(partition), |&lane| {
            let lane = &self.lanes[lane as usize];
            lane.key == key && lane.partition == partition
        });
        found.copied()
    }

    fn make(&mut self, partition: u32, key: LaneKey) -> u32 {
        let lane = Lane {
            key,
            partition,
            head: NIL,
            tail: NIL,
            cursor: NIL,
            batch: NIL,
            running: 0,
            held: 0,
            bound: 0,
            followers: 0,
            stopped_at: NIL,
            live: true,
            ready: false,
            queue: READY,
            ready_next: NIL,
            ready_prev: NIL,
        };
        if let Some(slot) = self.free.pop() {
            self.lanes[slot as usize] = lane;
            return slot;
        }
        self.lanes.push(lane);
        // Never more lanes than deliveries, whose slots are 32 bits wide.
        (self.lanes.len() - 1) as u32
    }

    #[inline]
    pub(crate) fn get(&self, lane: u32) -> &Lane {
        &self.lanes[lane as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, lane: u32) -> &mut Lane {
        &mut self.lanes[lane as usize]
    }

    /// Appends a delivery: offsets rise, so the tail is its place.
    pub(crate) fn push(&mut self, deliveries: &mut Deliveries, lane: u32, slot: u32) {
        let lane = &mut self.lanes[lane as usize];
        deliveries[slot].lane_prev = lane.tail;
        if lane.tail == NIL {
            lane.head = slot;
        } else {
            deliveries[lane.tail].lane_next = slot;
        }
        lane.tail = slot;
        if lane.cursor == NIL {
            lane.cursor = slot;
        }
    }

    pub(crate) fn unlink(&mut self, deliveries: &mut Deliveries, slot: u32) {
        let (at, next, prev) = {
            let delivery = &deliveries[slot];
            (delivery.lane, delivery.lane_next, delivery.lane_prev)
        };
        let lane = &mut self.lanes[at as usize];
        if lane.cursor == slot {
            lane.cursor = next;
        }
        if prev == NIL {
            lane.head = next;
        } else {
            deliveries[prev].lane_next = next;
        }
        if next == NIL {
            lane.tail = prev;
        } else {
            deliveries[next].lane_prev = prev;
        }
    }

    /// Moves the cursor back to a delivery that has to run again, unless it stands before it already.
    pub(crate) fn rewind(&mut self, deliveries: &Deliveries, slot: u32) {
        let lane = &mut self.lanes[deliveries[slot].lane as usize];
        if lane.cursor == NIL || deliveries[lane.cursor].offset > deliveries[slot].offset {
            lane.cursor = slot;
        }
    }

    /// Frees a lane that holds nothing. Doing it twice in one turn is harmless: lanes are made only when records arrive.
    pub(crate) fn sweep(&mut self, at: u32) {
        let lane = self.lanes[at as usize];
        if !lane.live {
            return;
        }
        debug_assert_eq!(lane.head, NIL, "only an empty lane goes");
        debug_assert_eq!((lane.running, lane.held, lane.bound, lane.followers), (0, 0, 0, 0), "an empty lane has nothing outstanding");
        self.set_ready(at, false);
        if lane.key != LaneKey::Alone
            && let Ok(entry) = self.table.find_entry(lane.key.hash(lane.partition), |&other| other == at)
        {
            entry.remove();
        }
        self.lanes[at as usize].live = false;
        self.free.push(at);
    }

    /// Puts a lane at the end of the ready queue, or takes it out of the one where it stands.
    #[inline]
    pub(crate) fn set_ready(&mut self, at: u32, ready: bool) {
        if self.lanes[at as usize].ready == ready {
            return;
        }
        if ready {
            self.append(at, READY);
        } else {
            let lane = &mut self.lanes[at as usize];
            lane.ready = false;
            let (prev, next, queue) = (lane.ready_prev, lane.ready_next, lane.queue as usize);
            if prev == NIL {
                self.queues[queue].head = next;
            } else {
                self.lanes[prev as usize].ready_next = next;
            }
            if next == NIL {
                self.queues[queue].tail = prev;
            } else {
                self.lanes[next as usize].ready_prev = prev;
            }
        }
    }

    #[inline]
    fn append(&mut self, at: u32, queue: u32) {
        let tail = std::mem::replace(&mut self.queues[queue as usize].tail, at);
        let lane = &mut self.lanes[at as usize];
        (lane.ready, lane.queue, lane.ready_prev, lane.ready_next) = (true, queue, tail, NIL);
        if tail == NIL {
            self.queues[queue as usize].head = at;
        } else {
            self.lanes[tail as usize].ready_next = at;
        }
    }

    fn pop(&mut self, queue: u32) -> Option<u32> {
        let lane = self.queues.get(queue as usize)?.head;
        (lane != NIL).then(|| {
            self.set_ready(lane, false);
            lane
        })
    }

    /// The lane that has been ready the longest.
    pub(crate) fn pop_ready(&mut self) -> Option<u32> {
        self.pop(READY)
    }

    /// Sets a lane that was taken from the ready queue aside, behind the others of its policy.
    pub(crate) fn hold(&mut self, at: u32, policy: usize) {
        let queue = behind_ready(policy);
        if self.queues.len() <= queue as usize {
            self.queues.resize(queue as usize + 1, EMPTY);
        }
        self.append(at, queue);
    }

    /// The lane that was set aside first.
    pub(crate) fn pop_held(&mut self, policy: usize) -> Option<u32> {
        self.pop(behind_ready(policy))
    }

    /// Which lane was set aside first; it stays where it is.
    pub(crate) fn first_held(&self, policy: usize) -> Option<u32> {
        let queue = self.queues.get(behind_ready(policy) as usize)?;
        (queue.head != NIL).then_some(queue.head)
    }

    /// Whether lanes of a policy are set aside.
    #[inline]
    pub(crate) fn holds(&self, policy: usize) -> bool {
        self.first_held(policy).is_some()
    }

    /// Nothing is held back any more.
    pub(crate) fn let_go(&mut self, policy: usize) {
        while let Some(lane) = self.pop_held(policy) {
            self.append(lane, READY);
        }
    }
}

fn behind_ready(policy: usize) -> u32 {
    u32::try_from(policy).unwrap_or(0).saturating_add(1)
}
