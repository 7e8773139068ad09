//! What facts mean, by the checker's own reading of the contract.

use onceward_engine::{Assignment, DeliveryId, Epoch, Fetched, Input, OnGap, OnRewind, PartitionId, PolicyId, Timestamp};

use super::Watch;
use super::delivery::{Delivery, LookUp, Stage};
use super::partition::{Partition, State};

impl Watch {
    /// Takes a fact, before the engine gets it. Returns whether it can matter (false: late, repeated or unknown).
    pub fn input(&mut self, now: Timestamp, input: &Input) -> bool {
        let quiet = self.idle_until.take().is_some_and(|until| now < until);
        self.now = now;
        self.ticked = matches!(input, Input::Tick);
        let matters = self.take(input);
        self.late = quiet && !matters;
        matters
    }

    fn take(&mut self, input: &Input) -> bool {
        match input {
            Input::Suspects(suspects) => self.suspected(suspects),
            Input::Assigned(assignment) => self.assigned(assignment),
            Input::CaughtUp { partition, epoch, remembered } => self.caught_up(*partition, *epoch, remembered.map(|o| o.0)),
            Input::Fetched(record) => self.fetched(record),
            Input::LookedUp { delivery, seen } => self.looked_up(*delivery, seen.map(|digest| digest.0)),
            Input::Handled { delivery, outcome } => self.handled(*delivery, *outcome),
            Input::NotStarted { delivery } => self.not_started(*delivery),
            Input::Marked { delivery, result } => self.marked(*delivery, *result),
            Input::DeadLettered { delivery, .. } => self.dead_lettered(*delivery),
            Input::Committed { partition, epoch, next } => self.commit_answered(*partition, *epoch, Some(next.0)),
            Input::CommitFailed { partition, epoch } => self.commit_answered(*partition, *epoch, None),
            Input::ReachedEnd { partition, epoch, position } => self.reached_end(*partition, *epoch, position.0),
            Input::Gap { partition, epoch, from, to } => self.gap(*partition, *epoch, from.0, to.0),
            Input::Revoking { partition, epoch, deadline } => self.revoking(*partition, *epoch, *deadline),
            Input::Lost { partition, epoch } => self.lost(*partition, *epoch),
            Input::Down { dependency } => self.down.insert(*dependency),
            Input::Up { dependency } => self.down.remove(dependency),
            Input::Suspended { policy } => self.suspended(*policy, true),
            Input::Resumed { policy } => self.suspended(*policy, false),
            Input::Tick | Input::Refused { .. } => true,
            // The ledger has a simulation of its own.
            Input::Ledger(_)
            | Input::Removed(_)
            | Input::OldestLetter { .. }
            | Input::LedgerEnd { .. }
            | Input::Claimed { .. }
            | Input::SentAgain { .. }
            | Input::ClaimFailed { .. }
            | Input::LetterFetched(_)
            | Input::LetterGone { .. } => false,
        }
    }

    /// A live partition in this epoch.
    fn at(&mut self, partition: PartitionId, epoch: Epoch) -> Option<&mut Partition> {
        self.partitions.get_mut(&partition).filter(|p| p.live_epoch(epoch))
    }

    /// A live delivery whose epoch is not over.
    pub(super) fn current(&self, id: DeliveryId) -> Option<&Delivery> {
        self.deliveries.get(&id).filter(|d| d.accepted && self.home(d).is_some())
    }

    fn assigned(&mut self, assignment: &Assignment) -> bool {
        self.end(assignment.partition);
        self.partitions.insert(assignment.partition, Partition::new(assignment));
        true
    }

    fn caught_up(&mut self, partition: PartitionId, epoch: Epoch, remembered: Option<i64>) -> bool {
        let Some(policy) = self.at(partition, epoch).map(|p| p.assignment.policy) else { return false };
        let (on_rewind, on_gap) = self.on(policy);
        let Some(home) = self.at(partition, epoch).filter(|p| p.state == State::CatchingUp) else { return false };
        home.state = State::Running;
        let from = home.assignment.from.0;
        let mut skipped = None;
        if let Some(remembered) = remembered.filter(|&offset| offset > from) {
            home.rewound = true;
            match on_rewind {
                OnRewind::Stop => home.halted = true,
                OnRewind::Reprocess => {}
                OnRewind::Skip => skipped = Some(remembered),
            }
        }
        // What is skipped was resolved in an earlier life: that some of it is deleted by now is no gap.
        let (oldest, from) = (home.assignment.oldest.0, skipped.map_or(from, |to| to.max(from)));
        if home.assignment.committed && oldest > from {
            home.unreported.push((from, oldest));
            home.halted |= on_gap == OnGap::Stop;
        }
        if let Some(to) = skipped {
            home.skip_to(to);
            let below: Vec<_> = home.lanes.values().flatten().copied().collect();
            for id in below {
                if let Some(delivery) = self.deliveries.get_mut(&id).filter(|d| d.offset < to) {
                    delivery.safe = true;
                }
            }
        }
        true
    }

    fn on(&self, policy: PolicyId) -> (OnRewind, OnGap) {
        let policy = self.policy(usize::from(policy.0));
        (policy.on_rewind, policy.on_gap)
    }

    fn fetched(&mut self, record: &Fetched) -> bool {
        let policy = usize::from(record.policy.0);
        let mut delivery = Delivery::new(record, self.policy(policy), false);
        let id = record.delivery;
        if let Some(home) = self.at(record.partition, record.epoch).filter(|p| p.last.is_none_or(|last| record.offset.0 > last)) {
            delivery.accepted = true;
            home.last = Some(record.offset.0);
            home.live += 1;
            home.lanes.entry(delivery.lane).or_default().push_back(id);
            if record.offset.0 < home.start {
                delivery.safe = true;
            } else {
                home.window.push(record.offset.0);
                home.resolved.push(record.offset.0);
            }
        }
        let accepted = delivery.accepted;
        let ignored = delivery.ignored;
        self.records += 1;
        self.bytes += delivery.bytes;
        if accepted && ignored {
            // It is nobody's copy, and waits for nothing.
        } else if accepted {
            self.copies.entry(delivery.event).or_default().push(id);
            let digests = self.digests.entry(delivery.event).or_default();
            if !digests.contains(&delivery.digest) {
                digests.push(delivery.digest);
            }
        } else {
            self.orphans.insert(id);
        }
        self.slots.insert(id.slot);
        self.deliveries.insert(id, delivery);
        self.refresh(id);
        if accepted && ignored {
            self.make_safe(id);
        }
        accepted
    }

    fn looked_up(&mut self, id: DeliveryId, seen: Option<u32>) -> bool {
        if self.current(id).is_none_or(|d| d.look_up != LookUp::Asked) {
            return false;
        }
        let Some(delivery) = self.deliveries.get_mut(&id) else { return false };
        delivery.look_up = if seen.is_some() { LookUp::Seen } else { LookUp::New };
        let event = delivery.event;
        if let Some(digest) = seen {
            self.learn(event, digest);
        }
        true
    }

    fn dead_lettered(&mut self, id: DeliveryId) -> bool {
        if self.current(id).is_none_or(|d| d.stage != Stage::Lettering) {
            return false;
        }
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.stage = Stage::Lettered;
        }
        self.make_safe(id);
        true
    }

    fn commit_answered(&mut self, partition: PartitionId, epoch: Epoch, stored: Option<i64>) -> bool {
        let now = self.now;
        let Some(home) = self.at(partition, epoch) else { return false };
        if home.outstanding.is_none() || stored.is_some_and(|next| home.outstanding != Some(next)) {
            return false;
        }
        home.outstanding = None;
        match stored {
            Some(_) => home.acknowledged = stored,
            None => home.refused = Some(now),
        }
        true
    }

    fn reached_end(&mut self, partition: PartitionId, epoch: Epoch, position: i64) -> bool {
        let Some(home) = self.at(partition, epoch) else { return false };
        if home.last.is_none_or(|last| position > last) {
            home.end = Some(position);
        }
        true
    }

    fn gap(&mut self, partition: PartitionId, epoch: Epoch, from: i64, to: i64) -> bool {
        let Some(policy) = self.at(partition, epoch).map(|p| p.assignment.policy) else { return false };
        let on_gap = self.on(policy).1;
        // A halted partition commits nothing: who it is given to next is told.
        let Some(home) = self.at(partition, epoch).filter(|p| p.state != State::Draining && !p.halted) else { return false };
        home.unreported.push((from, to));
        home.halted |= on_gap == OnGap::Stop;
        true
    }

    fn revoking(&mut self, partition: PartitionId, epoch: Epoch, deadline: Timestamp) -> bool {
        let Some(home) = self.at(partition, epoch) else { return false };
        home.ran = home.state == State::Running && !home.halted;
        home.state = State::Draining;
        // Asked again, the earlier deadline holds.
        home.deadline = home.deadline.min(deadline);
        true
    }

    fn lost(&mut self, partition: PartitionId, epoch: Epoch) -> bool {
        if self.at(partition, epoch).is_none() {
            return false;
        }
        self.end(partition);
        true
    }

    fn end(&mut self, partition: PartitionId) {
        let Some(home) = self.partitions.get_mut(&partition).filter(|p| p.state != State::Over) else { return };
        home.state = State::Over;
        for id in home.lanes.values().flatten() {
            self.orphans.insert(*id);
            // The next of its event must not be judged by one that nobody owns any more.
            if let Some(copies) = self.deliveries.get(id).and_then(|d| self.copies.get_mut(&d.event)) {
                copies.retain(|copy| copy != id);
            }
        }
        home.lanes.clear();
    }
}
