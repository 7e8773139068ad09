//! What the filter said of the events under way: a mark that follows its look-up need not ask all filters again.
//!
//! Between the two, thousands of other events are looked up, so the filters' cache lines are gone from the cache by then.

use onceward_engine::DeliveryId;

/// Deliveries with a higher slot are not remembered: their marks ask the filter twice. A driver with a full queue uses some 14,000.
const SLOTS: usize = 32_768;

/// Ids that the filter did not contain, with its version then. Where they are kept follows from the slot of the delivery.
#[derive(Default)]
pub(crate) struct Fresh {
    slots: Vec<Option<(u128, u64)>>,
}

impl Fresh {
    /// The filter, at this version, does not contain an id.
    pub(crate) fn put(&mut self, delivery: DeliveryId, id: u128, version: u64) {
        let slot = delivery.slot as usize;
        if slot >= SLOTS {
            return;
        }
        if slot >= self.slots.len() {
            self.slots.resize(slot.saturating_add(1).next_power_of_two(), None);
        }
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some((id, version));
        }
    }

    /// Whether that was said of this very id at the version that the filter still has.
    pub(crate) fn is(&self, delivery: DeliveryId, id: u128, version: u64) -> bool {
        self.slots.get(delivery.slot as usize).is_some_and(|place| *place == Some((id, version)))
    }
}
