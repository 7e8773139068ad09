//! One process.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use onceward_engine::{DeliveryId, Engine, EngineSettings, Epoch, LetterPlace, Offset};

/// Where a delivery's record is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) partition: usize,
    pub(super) index: usize,
    pub(super) epoch: Epoch,
    pub(super) replay: bool,
}

/// A partition that a member believes to hold.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) epoch: Epoch,
    pub(super) position: i64,
    pub(super) paused: bool,
    pub(super) said_end: Option<i64>,
    /// Which reading of the ledger it is.
    pub(super) reading: u32,
    /// The next record of the ledger to read, once it is read.
    pub(super) ledger: Option<usize>,
    /// Its end at the assignment was said.
    pub(super) said_ledger_end: bool,
    /// Another member claimed it: nothing of it is handed in.
    pub(super) disputed: bool,
    /// The group wants it back.
    pub(super) asked_back: bool,
    /// Its claim, once acknowledged.
    pub(super) claim: Option<Offset>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) engine: Engine,
    pub(super) alive: bool,
    pub(super) held: BTreeMap<usize, Held>,
    pub(super) places: HashMap<DeliveryId, Place>,
    generations: Vec<u32>,
    free: Vec<u32>,
    pub(super) effects: HashMap<DeliveryId, bool>,
    /// Letters in the engine's hands: partition and source offset.
    pub(super) replaying: BTreeSet<(usize, i64)>,
    pub(super) tick_due: Option<u64>,
    pub(super) poll_due: bool,
    pub(super) undrained: bool,
    /// Writes of a member that lives land in order.
    pub(super) last_landing: BTreeMap<usize, u64>,
    pub(super) last_group: u64,
    /// Letters that were asked for.
    pub(super) asked: VecDeque<LetterPlace>,
}

impl Member {
    pub(super) fn new(settings: &EngineSettings) -> Self {
        Self {
            engine: Engine::new(settings.clone()),
            alive: true,
            held: BTreeMap::new(),
            places: HashMap::new(),
            generations: Vec::new(),
            free: Vec::new(),
            effects: HashMap::new(),
            replaying: BTreeSet::new(),
            tick_due: None,
            poll_due: false,
            undrained: false,
            last_landing: BTreeMap::new(),
            last_group: 0,
            asked: VecDeque::new(),
        }
    }

    pub(super) fn accept(&mut self, place: Place) -> DeliveryId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.generations.push(0);
            u32::try_from(self.generations.len() - 1).unwrap_or(u32::MAX)
        });
        let id = DeliveryId { slot, generation: self.generations[slot as usize] };
        self.places.insert(id, place);
        id
    }

    pub(super) fn forget(&mut self, id: DeliveryId) -> Option<Place> {
        let place = self.places.remove(&id)?;
        self.generations[id.slot as usize] += 1;
        self.free.push(id.slot);
        self.effects.remove(&id);
        Some(place)
    }
}
