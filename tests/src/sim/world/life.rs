//! One process: its engine, its memory, its handlers. All of it goes when it dies.

use std::collections::{BTreeMap, HashMap, VecDeque};

use onceward_engine::{DeliveryId, Engine, EngineSettings, Epoch};

use crate::sim::check::Watch;
use crate::sim::scenario::Entry;

/// Where a delivery's record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) partition: usize,
    pub(super) index: usize,
    pub(super) epoch: Epoch,
}

/// A partition that a member holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) epoch: Epoch,
    pub(super) position: i64,
    pub(super) paused: bool,
    pub(super) revoking: bool,
    /// The end at which `ReachedEnd` was said last.
    pub(super) said_end: Option<i64>,
    /// A deleted range was reported and not yet answered by a seek.
    pub(super) in_gap: bool,
    /// Foreign marks up to this number were seen when the inbox caught up.
    pub(super) saw: u64,
}

/// A mark on its way to the store.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) delivery: DeliveryId,
    pub(super) place: Place,
    pub(super) effects: bool,
}

/// A run in a handler's hands.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) members: Vec<(DeliveryId, Place)>,
    pub(super) at: usize,
    /// It is a suspect, and nothing else runs in this process.
    pub(super) alone: bool,
    /// Its handler has all of its members in hands.
    pub(super) together: bool,
}

#[derive(Debug)]
pub(super) struct Life {
    pub(super) engine: Engine,
    pub(super) watch: Watch,
    pub(super) alive: bool,
    pub(super) stopping: bool,
    pub(super) held: BTreeMap<usize, Held>,
    pub(super) places: HashMap<DeliveryId, Place>,
    slots: Vec<u32>,
    free: Vec<u32>,
    /// The last ones forgotten, for facts that come late.
    pub(super) graveyard: VecDeque<DeliveryId>,
    pub(super) runs: HashMap<u64, Run>,
    /// The outcome recorded effects: kept until the mark is ordered.
    pub(super) effects: HashMap<DeliveryId, bool>,
    pub(super) marks: VecDeque<Mark>,
    pub(super) committing: Option<Vec<Mark>>,
    pub(super) group_due: bool,
    /// Marks of other members are visible up to this number.
    pub(super) saw: u64,
    pub(super) poll_due: bool,
    pub(super) tick_due: Option<u64>,
    pub(super) undrained: bool,
    /// Effects become durable in offset order per lane: the last offset of each.
    pub(super) effect_order: HashMap<(usize, Epoch, Option<u128>), i64>,
    pub(super) log: Vec<Entry>,
}

impl Life {
    pub(super) fn new(settings: &EngineSettings) -> Self {
        Self {
            engine: Engine::new(settings.clone()),
            watch: Watch::new(settings.clone()),
            alive: true,
            stopping: false,
            held: BTreeMap::new(),
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            graveyard: VecDeque::new(),
            runs: HashMap::new(),
            effects: HashMap::new(),
            marks: VecDeque::new(),
            committing: None,
            group_due: false,
            saw: 0,
            poll_due: false,
            tick_due: None,
            undrained: false,
            effect_order: HashMap::new(),
            log: Vec::new(),
        }
    }

    /// A delivery id: a slot, and how often it was used before.
    pub(super) fn accept(&mut self, place: Place) -> DeliveryId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(0);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let id = DeliveryId { slot, generation: self.slots[slot as usize] };
        self.places.insert(id, place);
        id
    }

    /// The slot may be used again, under another generation.
    pub(super) fn forget(&mut self, id: DeliveryId) {
        if self.places.remove(&id).is_some() {
            self.slots[id.slot as usize] += 1;
            self.free.push(id.slot);
            self.effects.remove(&id);
            self.graveyard.push_back(id);
            if self.graveyard.len() > 64 {
                self.graveyard.pop_front();
            }
        }
    }
}
