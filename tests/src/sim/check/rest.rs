//! What must hold when the engine says that there is nothing to do: nothing idles, nothing overflows, nothing of a dead epoch is left.

use onceward_engine::{DeliveryId, PartitionId, Snapshot, Timestamp};

use super::delivery::{Delivery, LookUp, Stage};
use super::partition::{AGAIN, Partition, State};
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
        self.breakers_at_rest(due)?;
        self.timeouts_at_rest(due)?;
        for (id, home) in self.partitions.iter().filter(|(_, p)| p.state != State::Over) {
            self.quiet(*id, home, due)?;
        }
        self.at_the_end(due)
    }

    /// Everything is read, resolved and committed: then the run until the end is over.
    fn at_the_end(&self, due: bool) -> Verdict {
        let mut homes = self.partitions.values().filter(|p| p.state != State::Over).peekable();
        if !self.settings.until_end || self.finished || due || homes.peek().is_none() {
            return Ok(());
        }
        let done = |home: &Partition| {
            let end = home.end.filter(|&end| home.last.is_none_or(|last| end > last));
            let committed = home.acknowledged.unwrap_or(home.assignment.from.0);
            let idle = home.state == State::Running && !home.halted && home.live == 0 && home.outstanding.is_none();
            idle && end.is_some_and(|end| home.window.first().is_none() && committed >= end)
        };
        if homes.all(done) { broken("I10", "everything is read, resolved and committed, but it is not finished") } else { Ok(()) }
    }

    /// A record is not taken in. Others may stand still for ever, so a partition that has nothing must not wait for them.
    pub fn refused(&self, partition: PartitionId, bytes: u32) -> Verdict {
        let Some(home) = self.partitions.get(&partition).filter(|p| matches!(p.state, State::CatchingUp | State::Running)) else {
            return Ok(());
        };
        let credit = self.settings.credit;
        let fits = self.records < u64::from(credit.records) * 3 && self.bytes + u64::from(bytes) <= credit.bytes * 3;
        if home.live == 0 && !home.halted && self.down.is_empty() && fits {
            let held = format!("the others hold {} records and {} bytes", self.records, self.bytes);
            return broken("I3", format!("{partition:?} has nothing, and its record of {bytes} bytes is refused: {held}"));
        }
        Ok(())
    }

    fn bounded(&self, snapshot: &Snapshot) -> Verdict {
        let credit = self.settings.credit;
        // Twice: a partition that comes gets its share beside what others took in when theirs were larger. And one record for each that would
        // have nothing otherwise, within a third budget. One that is larger than the whole budget passes alone.
        let (records, bytes) = (u64::from(credit.records) * 2 + self.partitions.len() as u64, credit.bytes * 3);
        if self.records > records || (self.bytes > bytes && self.records > 1) {
            return broken("I4", format!("{} records and {} bytes in flight, for a credit of {credit:?}", self.records, self.bytes));
        }
        if u64::from(snapshot.records) != self.records || snapshot.bytes != self.bytes {
            return broken(
                "I4",
                format!(
                    "the engine counts {} records and {} bytes, there are {} and {}",
                    snapshot.records, snapshot.bytes, self.records, self.bytes
                ),
            );
        }
        if !self.down.is_empty() && snapshot.room_records > 0 {
            return broken("I12", format!("room for {} records while {:?} is down", snapshot.room_records, self.down));
        }
        Ok(())
    }

    fn quiet(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        if home.state != State::CatchingUp {
            // A partition that was halted for something else passes nothing; the gap is met again when it goes on.
            if let Some((from, to)) = home.unreported.first().filter(|_| !home.halted) {
                return broken("I1", format!("{id:?}: the gap {from}..{to} was passed in silence"));
            }
            if home.rewound {
                return broken("I1", format!("{id:?}: a rewind was passed in silence"));
            }
        }
        if home.halted && !home.paused && home.state == State::Running {
            return broken("I1", format!("{id:?} is halted, but fetched on"));
        }
        match home.state {
            State::Draining => self.draining(id, home, due),
            State::Running if !home.halted => self.running(id, home, due),
            _ => Ok(()),
        }
    }

    fn draining(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        let waits = home.asks_again() && home.refused.is_some_and(|at| due || self.now < at.after(AGAIN));
        if home.live == 0 && home.outstanding.is_none() && !waits {
            return broken("I10", format!("{id:?} is drained, but not released"));
        }
        if home.live > 0 && !due && self.now >= home.deadline {
            return broken("I10", format!("{id:?} still holds {} deliveries after its deadline", home.live));
        }
        for delivery in home.lanes.values().flatten().filter_map(|other| self.deliveries.get(other)) {
            // What was given up waits for its letter, and that for the head of the lane.
            let given_up = delivery.given_up.is_some() || delivery.may_give_up;
            if !delivery.in_hands() && !due && !delivery.safe && !given_up {
                return broken("I10", format!("{id:?} drains, but offset {} waits while {:?}", delivery.offset, delivery.stage));
            }
        }
        Ok(())
    }

    fn running(&self, id: PartitionId, home: &Partition, due: bool) -> Verdict {
        if !self.down.is_empty() {
            return Ok(());
        }
        if home.paused && home.live == 0 && home.window.first().is_none() {
            return broken("I4", format!("{id:?} is paused with nothing in flight"));
        }
        // A slow key must not let the others run away from it: what is resolved behind it costs memory, and a crash reads it again.
        let most = usize::try_from(self.settings.credit.records).unwrap_or(usize::MAX).saturating_mul(9).saturating_add(16);
        if home.resolved.len() > most {
            return broken("I4", format!("{id:?}: {} offsets wait behind the watermark", home.resolved.len()));
        }
        // A suspect waits until everything else has ended, and everything else waits for it.
        let room = self.at_work() < self.settings.concurrency as usize && !self.waits_for_quiet();
        for lane in home.lanes.values() {
            self.lane(lane.iter().filter_map(|other| self.deliveries.get(other).map(|d| (*other, d))), room, due)?;
        }
        Ok(())
    }

    fn lane<'a>(&'a self, lane: impl Iterator<Item = (DeliveryId, &'a Delivery)> + Clone, room: bool, due: bool) -> Verdict {
        // Until a run is answered, and its effects are durable or taken back, nothing of the lane starts.
        let closes = |stage| matches!(stage, Stage::Running | Stage::Done { .. } | Stage::Marking { effects: true });
        let (mut first, mut open) = (true, !lane.clone().any(|(_, d)| closes(d.stage)));
        for (id, delivery) in lane {
            let at = format_args!("{:?} offset {}", delivery.partition, delivery.offset);
            // One that is known to be in conflict needs no look-up: its digest differs from that of one that came before.
            let alone = self.copies.get(&delivery.event).is_none_or(|copies| copies.len() < 2);
            let alone = alone && self.digests.get(&delivery.event).is_none_or(|digests| digests.len() < 2);
            let alone = alone && self.known.get(&delivery.event).is_none_or(|&digest| digest == delivery.digest);
            if delivery.stage == Stage::Idle
                && delivery.refused.is_none()
                && !delivery.ignored
                && delivery.look_up == LookUp::Never
                && alone
                && !delivery.safe
            {
                return broken("I3", format!("{at} is not looked up"));
            }
            // The marks of a run with effects are written together, when the whole run is answered.
            if matches!(delivery.stage, Stage::Done { .. }) && !delivery.tainted && !self.runs.contains_key(&delivery.run) {
                return broken("I3", format!("{at} is handled, but not marked"));
            }
            if first {
                self.unresolved(id, delivery)?;
            }
            let ready = delivery.stage == Stage::Idle && !delivery.ignored && delivery.look_up == LookUp::New && alone && !delivery.safe;
            let waits = delivery.wait.is_some_and(|(_, latest)| self.now < latest || due || delivery.may_give_up);
            let breaker = self.breakers.get(delivery.policy).filter(|breaker| breaker.is_open());
            let barred = breaker.is_some_and(|breaker| breaker.bars(self.now) || due);
            // Who is convicted is never started again, and its letter waits for the head of the lane.
            let barred = barred || (!first && self.is_convicted(id));
            let shut = self.shut(delivery.policy, due);
            if open
                && ready
                && room
                && !waits
                && !barred
                && !shut
                && delivery.given_up.is_none()
                && !self.known.contains_key(&delivery.event)
            {
                let invariant = if breaker.is_some() { "I12" } else { "I3" };
                return broken(invariant, format!("{at} is ready and there is room, but it is not dispatched"));
            }
            first = false;
            // A copy is one only once the engine was told.
            open &= delivery.lets_pass() && (delivery.stage != Stage::Idle || delivery.look_up == LookUp::Seen);
        }
        Ok(())
    }

    /// The first of its lane has nothing to wait for.
    fn unresolved(&self, id: DeliveryId, delivery: &Delivery) -> Verdict {
        let at = format_args!("{:?} offset {}", delivery.partition, delivery.offset);
        if matches!(delivery.stage, Stage::Marked | Stage::Lettered) {
            return broken("I3", format!("{at} is resolved, but not forgotten"));
        }
        if delivery.stage != Stage::Idle {
            return Ok(());
        }
        if delivery.given_up.is_some() {
            return broken("I6", format!("{at} is given up, but no letter is written"));
        }
        if delivery.refused.is_some() {
            return broken("I3", format!("{at} was refused, but no letter is written"));
        }
        // The engine keeps no marks in memory: a copy of one that is being looked up waits for that answer.
        let mut copies =
            self.copies.get(&delivery.event).into_iter().flatten().filter(|&&copy| copy != id).filter_map(|copy| self.deliveries.get(copy));
        let told = copies.all(|copy| !matches!(copy.look_up, LookUp::Asked | LookUp::Never));
        if delivery.ignored {
            return broken("I3", format!("{at} is wanted by nobody, but not resolved"));
        }
        if delivery.look_up == LookUp::Seen || (delivery.safe && delivery.look_up != LookUp::Asked && told) {
            let what = if delivery.safe { "a copy of a durable mark" } else { "in conflict with a mark" };
            return broken("I3", format!("{at} is {what}, but not resolved ({id:?})"));
        }
        Ok(())
    }
}
