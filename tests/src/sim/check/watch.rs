//! The checker's state.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use onceward_engine::{DeliveryId, Dependency, EngineSettings, Epoch, EventHash, PartitionId, Policy, Timestamp};

use super::breaker::Breaker;
use super::delivery::{Delivery, LookUp, Stage};
use super::gate::Gate;
use super::partition::{Partition, State};
use super::timeout::Run;

/// Watches one engine. Feed it every input before, and every effect after, the engine sees or says it.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(super) settings: EngineSettings,
    pub(super) now: Timestamp,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) deliveries: HashMap<DeliveryId, Delivery>,
    /// Forgotten ones: nothing may ever be ordered for them again.
    pub(super) gone: HashMap<DeliveryId, (PartitionId, Epoch)>,
    /// Slots in use.
    pub(super) slots: HashSet<u32>,
    /// Live deliveries by event, oldest first.
    pub(super) copies: HashMap<EventHash, Vec<DeliveryId>>,
    /// Digests under which an event arrived: more than one is an identity conflict.
    pub(super) digests: HashMap<EventHash, Vec<u32>>,
    /// Marks that this engine was told of.
    pub(super) known: HashMap<EventHash, u32>,
    pub(super) runs: HashMap<u64, Run>,
    pub(super) next_run: u64,
    pub(super) down: BTreeSet<Dependency>,
    /// Events that have to run alone, with the deaths charged to them.
    pub(super) suspects: HashMap<EventHash, u32>,
    /// The run that nothing may start beside.
    pub(super) alone: Option<u64>,
    /// One for each policy.
    pub(super) breakers: Vec<Breaker>,
    pub(super) gates: Vec<Gate>,
    pub(super) next_batch: u64,
    /// Calls of batch handlers that were called stuck.
    pub(super) stuck_batches: BTreeSet<u64>,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) finished: bool,
    pub(super) ticked: bool,
    /// Live deliveries of epochs that ended without notice: they must be forgotten at once.
    pub(super) orphans: BTreeSet<DeliveryId>,
    /// At the last rest the engine had nothing due before this instant.
    pub(super) idle_until: Option<Timestamp>,
    /// The last input was a late fact that came while nothing was due: it must not have an effect.
    pub(super) late: bool,
}

impl Watch {
    /// For an engine built with these settings.
    pub fn new(settings: EngineSettings) -> Self {
        Self {
            suspects: HashMap::new(),
            alone: None,
            breakers: vec![Breaker::default(); settings.policies.len()],
            gates: vec![Gate::default(); settings.policies.len()],
            next_batch: 0,
            stuck_batches: BTreeSet::new(),
            settings,
            now: Timestamp(0),
            partitions: BTreeMap::new(),
            deliveries: HashMap::new(),
            gone: HashMap::new(),
            slots: HashSet::new(),
            copies: HashMap::new(),
            digests: HashMap::new(),
            known: HashMap::new(),
            runs: HashMap::new(),
            next_run: 0,
            down: BTreeSet::new(),
            records: 0,
            bytes: 0,
            finished: false,
            ticked: false,
            orphans: BTreeSet::new(),
            idle_until: None,
            late: false,
        }
    }

    /// A partition's state.
    pub fn state(&self, partition: PartitionId) -> State {
        self.partitions.get(&partition).map_or(State::None, |p| if p.halted && p.state == State::Running { State::Halted } else { p.state })
    }

    /// The partition of a delivery, forgotten ones included.
    pub fn partition_of(&self, delivery: DeliveryId) -> Option<PartitionId> {
        self.deliveries.get(&delivery).map(|d| d.partition).or_else(|| self.gone.get(&delivery).map(|gone| gone.0))
    }

    /// Whether an answer of this kind is awaited, so that a repeated one could not be told from the real one.
    pub fn awaits(&self, delivery: DeliveryId) -> bool {
        self.deliveries
            .get(&delivery)
            .is_some_and(|d| d.look_up == LookUp::Asked || matches!(d.stage, Stage::Running | Stage::Marking { .. } | Stage::Lettering))
    }

    /// Deliveries that were handed in and not forgotten.
    pub fn live(&self) -> u64 {
        self.records
    }

    /// Whether an offset was delivered in this epoch; `None` when the epoch is not the current one.
    pub fn delivered(&self, partition: PartitionId, epoch: Epoch, offset: i64) -> Option<bool> {
        let home = self.partitions.get(&partition).filter(|p| p.live_epoch(epoch))?;
        Some(home.last.is_some_and(|last| last >= offset))
    }

    /// Whether a delivery that is not forgotten uses this slot.
    pub fn occupied(&self, slot: u32) -> bool {
        self.slots.contains(&slot)
    }

    /// Whether one ahead of it in its run is still in the handler's hands.
    pub fn overtakes(&self, delivery: DeliveryId) -> bool {
        let run = self.deliveries.get(&delivery).filter(|d| d.stage == Stage::Running).map(|d| d.run);
        self.before(delivery).any(|(_, d)| d.stage == Stage::Running && Some(d.run) == run)
    }

    pub(super) fn policy(&self, of: usize) -> &Policy {
        self.settings.policies.get(of).unwrap_or(&self.settings.policies[0])
    }

    /// The live partition of a delivery's own epoch.
    pub(super) fn home(&self, delivery: &Delivery) -> Option<&Partition> {
        self.partitions.get(&delivery.partition).filter(|p| p.live_epoch(delivery.epoch))
    }

    /// Those before a delivery in its lane, in offset order.
    pub(super) fn before(&self, id: DeliveryId) -> impl Iterator<Item = (DeliveryId, &Delivery)> {
        let own = self.deliveries.get(&id);
        let lane = own.and_then(|d| self.home(d).and_then(|p| p.lanes.get(&d.lane)));
        let offset = own.map_or(i64::MIN, |d| d.offset);
        lane.into_iter()
            .flatten()
            .filter_map(|other| self.deliveries.get(other).map(|d| (*other, d)))
            .take_while(move |(_, d)| d.offset < offset)
    }

    /// Records that an event has a durable mark, and that its copies are safe.
    pub(super) fn learn(&mut self, event: EventHash, digest: u32) {
        self.known.entry(event).or_insert(digest);
        let copies = self.copies.get(&event).cloned().unwrap_or_default();
        for id in copies {
            self.refresh(id);
        }
    }

    /// A copy of a known mark is safe, unless its bytes differ and the user wants to see it.
    pub(super) fn refresh(&mut self, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get(&id) else { return };
        if !delivery.accepted || delivery.refused.is_some() || delivery.ignored {
            return;
        }
        let lenient = self.policy(delivery.policy).on_conflict == onceward_engine::OnConflict::Duplicate;
        if self.known.get(&delivery.event).is_some_and(|&digest| digest == delivery.digest || lenient) {
            self.make_safe(id);
        }
    }

    pub(super) fn make_safe(&mut self, id: DeliveryId) {
        let Some(delivery) = self.deliveries.get_mut(&id) else { return };
        delivery.safe = true;
        let (partition, epoch, offset) = (delivery.partition, delivery.epoch, delivery.offset);
        if let Some(home) = self.partitions.get_mut(&partition).filter(|p| p.epoch == epoch) {
            home.window.done(offset);
        }
    }

    /// An answer for a run's member: its place in the concurrency is free when all members are answered.
    pub(super) fn answered(&mut self, run: u64) {
        let now = self.now;
        if let Some(of) = self.runs.get_mut(&run) {
            (of.left, of.since, of.cancelled, of.told) = (of.left - 1, now, None, false);
            if of.left == 0 {
                self.runs.remove(&run);
            }
        }
    }
}
