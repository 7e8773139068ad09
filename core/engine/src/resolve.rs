//! The end of a delivery: resolved, or abandoned with its epoch.

use crate::delivery::{Delivery, NIL, Stage};
use crate::engine::Engine;
use crate::{Fate, Reason};

impl Engine {
    /// Nothing more to do: the watermark may pass.
    pub(crate) fn resolve(&mut self, slot: u32, fate: Fate) {
        let delivery = &self.deliveries[slot];
        let (index, place) = (delivery.partition, delivery.place);
        let key = self.lanes.get(delivery.lane).key();
        self.leave_ring(slot);
        self.forget(slot, fate);
        self.unpark(index, key);
        let Some(partition) = self.partitions.get_mut(index) else { return };
        if partition.window.resolve(place) {
            self.schedule_commit(index);
        }
        self.flow(index);
        self.go_on_draining(index);
    }

    /// Gives a delivery up unresolved: somebody reads it again.
    ///
    /// Its lane is not settled and may be left empty: that is the caller's.
    pub(crate) fn abandon(&mut self, slot: u32) {
        let delivery = &self.deliveries[slot];
        let (index, place, at) = (delivery.partition, delivery.place, delivery.lane);
        let (stage, bound, replay) = (delivery.stage, delivery.bound, delivery.replay);
        let lane = self.lanes.get_mut(at);
        if lane.stopped_at == slot {
            lane.stopped_at = NIL;
        }
        if bound {
            lane.unbind();
        }
        lane.held -= u32::from(stage == Stage::Held);
        if stage == Stage::Running {
            self.leave_run(slot);
        }
        if stage == Stage::Waiting {
            self.stop_waiting(slot);
        }
        self.leave_ring(slot);
        self.forget(slot, Fate::Abandoned);
        if let Some(partition) = self.partitions.get_mut(index).filter(|_| !replay) {
            partition.window.abandon(place);
        }
    }

    /// What would have to run again has no place in a partition that is stopping.
    pub(crate) fn leave_to_next_owner(&mut self, slot: u32) {
        let index = self.deliveries[slot].partition;
        self.abandon_with_copies(slot);
        self.go_on_draining(index);
    }

    /// Gives a delivery up, and the copies and unwritten letters right behind it, since a lane resolves in order.
    fn abandon_with_copies(&mut self, mut slot: u32) {
        loop {
            let next = self.deliveries[slot].lane_next;
            self.abandon(slot);
            if next == NIL || !matches!(self.deliveries[next].stage, Stage::Copy | Stage::Ignored | Stage::Known | Stage::Doomed) {
                return;
            }
            slot = next;
        }
    }

    pub(crate) fn forget(&mut self, slot: u32, fate: Fate) {
        let delivery = self.deliveries[slot];
        if delivery.reason == Reason::HeldBehind {
            self.lanes.get_mut(delivery.lane).followers -= 1;
        }
        self.lanes.unlink(&mut self.deliveries, slot);
        self.deliveries.remove(slot);
        self.out.forget(delivery.id(slot), fate);
        self.totals.records -= 1;
        self.totals.left += 1;
        self.totals.bytes = self.totals.bytes.saturating_sub(u64::from(delivery.bytes));
        if let Some(partition) = self.partitions.get_mut(delivery.partition) {
            partition.records -= 1;
            partition.bytes = partition.bytes.saturating_sub(u64::from(delivery.bytes));
            if let Some(book) = &mut partition.book {
                // A record that is read back for somebody who is gone must not be taken for the next one in its slot.
                let tasks = if delivery.replay { &mut book.at_work } else { &mut book.recording };
                tasks.remove(&delivery.offset);
            }
        }
        if delivery.replay {
            self.totals.letters -= 1;
            self.totals.letters_here -= 1;
            self.totals.letter_bytes = self.totals.letter_bytes.saturating_sub(u64::from(delivery.bytes));
            let key = self.lanes.get(delivery.lane).key();
            self.unpark(delivery.partition, key);
            self.replays_due = true;
        }
    }

    /// Abandons the live deliveries of a partition that `ends` names.
    pub(crate) fn abandon_where(&mut self, index: u32, ends: impl Fn(&Delivery) -> bool) {
        let live = self.live(index);
        for &(slot, _) in &live {
            if ends(&self.deliveries[slot]) {
                self.abandon(slot);
            }
        }
        self.after_abandoning(&live);
    }

    /// Abandons what nobody is at work for. Copies stay, unless they stand behind something that goes: their marks are durable.
    pub(crate) fn abandon_idle(&mut self, index: u32) {
        let live = self.live(index);
        for &(slot, _) in &live {
            let idle = |delivery: &Delivery| !delivery.is_busy() && !matches!(delivery.stage, Stage::Copy | Stage::Ignored | Stage::Known);
            // A copy may have gone along already.
            if self.deliveries.occupant(slot).is_some_and(idle) {
                self.abandon_with_copies(slot);
            }
        }
        self.after_abandoning(&live);
    }

    fn after_abandoning(&mut self, live: &[(u32, u32)]) {
        for &(_, lane) in live {
            self.settle(lane);
        }
        self.out.recall(&self.deliveries, None);
    }

    /// Live deliveries of a partition and their lanes, in offset order, and behind them the letters that are handled again.
    pub(crate) fn live(&self, index: u32) -> Vec<(u32, u32)> {
        let Some(partition) = self.partitions.get(index) else { return Vec::new() };
        let letters = partition.book.iter().flat_map(|book| book.at_work.values().copied());
        partition.window.live().chain(letters).map(|slot| (slot, self.deliveries[slot].lane)).collect()
    }
}
