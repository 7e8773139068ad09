//! How deliveries end: each exactly once, with the fate that the facts allow.

use onceward_engine::{DeliveryId, Fate, OnConflict};

use super::delivery::{Delivery, Stage};
use super::partition::State;
use super::{Verdict, Watch, broken};

impl Watch {
    pub(super) fn forget(&mut self, id: DeliveryId, fate: Fate) -> Verdict {
        let Some(delivery) = self.deliveries.get(&id) else { return broken("I7", format!("{id:?} forgotten, but it is not there")) };
        let at = format!("{:?} offset {}", delivery.partition, delivery.offset);
        if delivery.accepted && self.home(delivery).is_some() {
            self.fate(id, delivery, fate, &at)?;
        } else if fate != Fate::Abandoned && !delivery.safe {
            // What was resolved before the epoch ended may be told after it.
            return broken("I7", format!("{at} ended as {fate:?}, but its epoch is over"));
        }
        let (partition, epoch, offset) = (delivery.partition, delivery.epoch, delivery.offset);
        if let Some(home) = self.partitions.get_mut(&partition).filter(|p| p.epoch == epoch && fate != Fate::Abandoned) {
            home.resolved.done(offset);
        }
        self.remove(id);
        Ok(())
    }

    fn fate(&self, id: DeliveryId, delivery: &Delivery, fate: Fate, at: &str) -> Verdict {
        let marked = delivery.stage == Stage::Marked;
        let allowed = match fate {
            Fate::Handled => marked,
            Fate::Lettered => delivery.stage == Stage::Lettered,
            Fate::Ignored => delivery.ignored,
            // Nobody told it of a letter.
            Fate::Known => false,
            Fate::Duplicate => {
                let same = self.known.get(&delivery.event).map(|&digest| digest == delivery.digest);
                if same == Some(false) && !marked && self.policy(delivery.policy).on_conflict == OnConflict::DeadLetter {
                    return broken("I1", format!("{at} dropped as a copy, but its bytes differ from the mark's"));
                }
                same.is_some() && delivery.refused.is_none() && !delivery.ignored
            }
            Fate::Abandoned => return self.abandoned(delivery, at),
        };
        if !allowed {
            return broken("I1", format!("{at} ended as {fate:?} while {:?}", delivery.stage));
        }
        for (_, earlier) in self.before(id) {
            if !earlier.lets_pass() {
                return broken("I2", format!("{at} resolved before offset {} of its lane, which is {:?}", earlier.offset, earlier.stage));
            }
        }
        Ok(())
    }

    fn abandoned(&self, delivery: &Delivery, at: &str) -> Verdict {
        let Some(home) = self.home(delivery) else { return Ok(()) };
        let late = home.state == State::Draining && self.now >= home.deadline;
        let skipped = delivery.offset < home.start || home.halted;
        if late || skipped || (home.state == State::Draining && (!delivery.in_hands() || delivery.tainted)) {
            return Ok(());
        }
        broken("I10", format!("{at} abandoned while {:?}, with its epoch alive ({:?})", delivery.stage, home.state))
    }

    pub(super) fn remove(&mut self, id: DeliveryId) {
        let Some(delivery) = self.deliveries.remove(&id) else { return };
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(delivery.bytes);
        self.slots.remove(&id.slot);
        self.gone.insert(id, (delivery.partition, delivery.epoch));
        self.orphans.remove(&id);
        if delivery.stage == Stage::Running {
            self.probe_ended(id, delivery.policy);
            self.answered(delivery.run);
        }
        if let Some(copies) = self.copies.get_mut(&delivery.event) {
            copies.retain(|copy| *copy != id);
        }
        if let Some(home) = self.partitions.get_mut(&delivery.partition).filter(|p| p.epoch == delivery.epoch) {
            home.live = home.live.saturating_sub(usize::from(delivery.accepted));
            if let Some(lane) = home.lanes.get_mut(&delivery.lane) {
                lane.retain(|other| *other != id);
                if lane.is_empty() {
                    home.lanes.remove(&delivery.lane);
                }
            }
        }
    }
}
