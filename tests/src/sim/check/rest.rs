//! What must hold when the engine says that there is nothing to do: nothing idles, nothing overflows, nothing of a dead epoch is left.

use onceward_engine::{DeliveryId, OnConflict, PartitionId, Snapshot, Timestamp};

use super::delivery::{Delivery, LookUp, Stage};
use super::partition::{Partition, State};
use super::{Verdict, Watch, broken};

impl Watch {
    /// Judges the silence of an engine that has no more effects.
    pub fn rest(&mut self, snapshot: &Snapshot, deadline: Option<Timestamp>) -> Verdict {
        let due = deadline.is_some_and(|at| at <= self.now);
        if due && self.ticked {
            return broken("I10", format!("after a tick at {:?} the engine still wants one at {deadline:?}", self.now));
        }
        self.idle_until = Some(deadline.unwrap_or(Timestamp(u64::MAX)));
        if let Some(orphan) = self.orphans.first() {
            return broken("I7", format!("{orphan:?} is kept although its epoch is over"));
        }
        self.bounded(snapshot)?;
        for (id, home) in self.partitions.iter().filter(|(_, p)| p.state != State::Over) {
            self.quiet(*id, home, due)?;
        }
        Ok(())
    }

    fn bounded(&self, snapshot: &Snapshot) -> Verdict {
        let credit = self.settings.credit;
        if self.records > u64::from(credit.records) || self.bytes > credit.bytes {
            return broken("I4", format!("{} records and {} bytes in flight, over the credit of {credit:?}", self.records, self.bytes));
        }
        if u64::from(snapshot.records) != self.records || snapshot.bytes != self.bytes {
            return broken("I4", format!("the engine counts {} records and {} bytes, there are {} and {}", snapshot.records, snapshot.bytes, self.records, self.bytes));
        }
        if !self.down.is_empty() && snapshot.room_records > 0 {
            return broken("I12", format!("room for {} records while {:?} is down", snapshot.room_records, self.down));
        }
        Ok(())
    }

    fn quiet(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        if home.state != State::CatchingUp {
            if let Some((from, to)) = home.unreported.first() {
                return broken("I1", format!("{id:?}: the gap {from}..{to} was passed in silence"));
            }
            if home.rewound {
                return broken("I1", format!("{id:?}: a rewind was passed in silence"));
            }
        }
        match home.state {
            State::Draining => self.draining(id, home, due),
            State::Running if !home.halted => self.running(id, home, due),
            _ => Ok(()),
        }
    }

    fn draining(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        if home.live == 0 && home.outstanding.is_none() {
            return broken("I10", format!("{id:?} is drained, but not released"));
        }
        if home.live > 0 && !due && self.now >= home.deadline {
            return broken("I10", format!("{id:?} still holds {} deliveries after its deadline", home.live));
        }
        for delivery in home.lanes.values().flatten().filter_map(|other| self.deliveries.get(other)) {
            if !delivery.in_hands() && !due && !delivery.safe {
                return broken("I10", format!("{id:?} drains, but offset {} waits while {:?}", delivery.offset, delivery.stage));
            }
        }
        Ok(())
    }

    fn running(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        if !self.down.is_empty() {
            return Ok(());
        }
        if home.paused && home.live == 0 && home.window.is_empty() {
            return broken("I4", format!("{id:?} is paused with nothing in flight"));
        }
        let room = self.runs.len() < self.settings.concurrency as usize;
        for lane in home.lanes.values() {
            self.lane(lane.iter().filter_map(|other| self.deliveries.get(other).map(|d| (*other, d))), room, due)?;
        }
        Ok(())
    }

    fn lane<'a>(&'a self, lane: impl Iterator<Item = (DeliveryId, &'a Delivery)>, room: bool, due: bool) -> Verdict {
        let mut head = true;
        for (id, delivery) in lane {
            let at = format_args!("{:?} offset {}", delivery.partition, delivery.offset);
            let alone = self.copies.get(&delivery.event).is_none_or(|copies| copies.len() < 2);
            if delivery.refused.is_none() && delivery.look_up == LookUp::Never && alone {
                return broken("I3", format!("{at} is not looked up"));
            }
            if matches!(delivery.stage, Stage::Marked | Stage::Lettered) && head {
                return broken("I3", format!("{at} is resolved, but not forgotten"));
            }
            if matches!(delivery.stage, Stage::Done { .. }) && !delivery.tainted {
                return broken("I3", format!("{at} is handled, but not marked"));
            }
            if head && delivery.stage == Stage::Idle {
                self.head(id, delivery, room, due, alone)?;
            }
            head &= delivery.lets_pass() && delivery.stage != Stage::Idle;
        }
        Ok(())
    }

    /// The first of its lane that is in nobody's hands: why does it wait?
    fn head(&self, id: DeliveryId, delivery: &Delivery, room: bool, due: bool, alone: bool) -> Verdict {
        let at = format_args!("{:?} offset {}", delivery.partition, delivery.offset);
        if delivery.given_up.is_some() {
            return broken("I6", format!("{at} is given up, but no letter is written"));
        }
        if delivery.refused.is_some() {
            return broken("I3", format!("{at} was refused, but no letter is written"));
        }
        if delivery.look_up == LookUp::Seen || (delivery.safe && delivery.look_up != LookUp::Asked) {
            let lenient = self.policy(delivery.policy).on_conflict == OnConflict::Duplicate;
            let what = if delivery.safe || lenient { "a copy of a durable mark" } else { "in conflict with a mark" };
            return broken("I3", format!("{at} is {what}, but not resolved ({id:?})"));
        }
        let waits = delivery.wait.is_some_and(|(_, latest)| self.now < latest || due);
        if delivery.look_up == LookUp::New && alone && room && !waits && self.known.get(&delivery.event).is_none() {
            return broken("I3", format!("{at} is ready and there is room, but it is not dispatched"));
        }
        Ok(())
    }
}
