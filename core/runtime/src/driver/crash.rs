//! Events that may kill the process: what the journal says goes to the engine, what handlers say goes to the journal.

use onceward_engine::{DeliveryId, Input, PartitionId};

use super::Driver;
use crate::event::Place;
use crate::journal::Name;

impl Driver {
    /// Names the suspects of a partition, before its records arrive.
    pub(crate) fn tell_suspects(&mut self, partition: PartitionId, place: &Place) {
        let Some(journal) = self.journal.as_mut() else { return };
        let suspects = journal.suspects_of(place.topic_hash, place.partition, partition);
        if !suspects.is_empty() {
            self.engine.handle(self.clock.now(), Input::Suspects(suspects));
        }
    }

    /// The process outlived this event, or it is given up.
    pub(crate) fn acquit(&mut self, delivery: DeliveryId) {
        if !self.journal.as_ref().is_some_and(crate::journal::Journal::suspects_anybody) {
            return;
        }
        let Some(name) = self.journal_name(delivery) else { return };
        if let Some(journal) = self.journal.as_mut() {
            journal.acquit(&name);
        }
    }

    /// How often the process died of an event, as far as anybody knows.
    pub(crate) fn deaths(&self, delivery: DeliveryId) -> u64 {
        let name = self.journal_name(delivery);
        self.journal.as_ref().zip(name).map_or(0, |(journal, name)| journal.charges(&name))
    }

    fn journal_name(&self, delivery: DeliveryId) -> Option<Name> {
        let payload = self.payloads.get(delivery)?;
        let place = &self.partitions.get(payload.partition)?.place;
        Some(Name::new(place.topic_hash, place.partition, payload.record().meta.offset, payload.identity))
    }
}
