//! A slab with generations: the table that the runtime (payloads) and the engine (states) both key by [`DeliveryId`].

use crate::ids::DeliveryId;

/// Values under [`DeliveryId`]s that are never mistaken for an earlier value of the same slot.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    live: usize,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new(), live: 0 }
    }
}

impl<T> Slots<T> {
    /// Stores a value under a new id.
    pub fn insert(&mut self, value: T) -> DeliveryId {
        self.live += 1;
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.entries[slot as usize];
            entry.value = Some(value);
            return DeliveryId { slot, generation: entry.generation };
        }
        let slot = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry { generation: 0, value: Some(value) });
        DeliveryId { slot, generation: 0 }
    }

    /// Stores a value under an id that another table handed out. Whatever was in that slot is replaced.
    pub fn put(&mut self, id: DeliveryId, value: T) {
        let slot = id.slot as usize;
        while self.entries.len() <= slot {
            self.entries.push(Entry { generation: 0, value: None });
        }
        let entry = &mut self.entries[slot];
        entry.generation = id.generation;
        if entry.value.replace(value).is_none() {
            self.live += 1;
        }
    }

    /// The value under an id, unless its slot was freed since.
    #[must_use]
    pub fn get(&self, id: DeliveryId) -> Option<&T> {
        self.entries.get(id.slot as usize).filter(|entry| entry.generation == id.generation)?.value.as_ref()
    }

    /// As [`Slots::get`], to change it.
    pub fn get_mut(&mut self, id: DeliveryId) -> Option<&mut T> {
        self.entries.get_mut(id.slot as usize).filter(|entry| entry.generation == id.generation)?.value.as_mut()
    }

    /// Takes the value out and retires the id.
    pub fn remove(&mut self, id: DeliveryId) -> Option<T> {
        let entry = self.entries.get_mut(id.slot as usize).filter(|entry| entry.generation == id.generation)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.live -= 1;
        Some(value)
    }

    /// How many values are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }
}
