//! What joining and leaving a ring of twins means for the deliveries in it. The ring itself: `twin.rs`.

use crate::delivery::{Role, Stage};
use crate::engine::Engine;
use crate::ids::Digest;
use crate::partition::State;
use crate::policy::OnConflict;
use crate::sabotage::Sabotage;
use crate::twin::Twins;

impl Engine {
    /// Finds a newcomer's place among the deliveries of its event. `runs`: its partition is caught up.
    pub(crate) fn join_ring(&mut self, slot: u32, runs: bool) {
        let primary = self.twins.primary_of(&self.deliveries, slot).filter(|_| !self.bugs.has(Sabotage::TwinDispatched));
        match primary {
            None => {
                self.twins.lead(&mut self.deliveries, slot);
                if runs {
                    self.look_up(slot);
                }
            }
            Some(primary) if self.conflicts(slot, self.deliveries[primary].digest) => self.conflict(slot),
            Some(primary) if self.deliveries[slot].replay && self.gives_way(primary) => {
                if self.deliveries[primary].stage == Stage::Waiting {
                    self.stop_waiting(primary);
                }
                self.twins.take_over(&mut self.deliveries, primary, slot);
                self.deliveries[primary].stage = Stage::Twin;
                self.look_up(slot);
                self.settle(self.deliveries[primary].lane);
            }
            Some(primary) => {
                Twins::join(&mut self.deliveries, primary, slot);
                self.deliveries[slot].stage = Stage::Twin;
            }
        }
    }

    /// A live event that has to run again lets the letters of the same event go first, for the same reason.
    pub(crate) fn let_letters_lead(&mut self, slot: u32) {
        if self.partitions.ledgers == 0 || !self.gives_way(slot) {
            return;
        }
        let Some(letter) = self.twins.give_way(&mut self.deliveries, slot) else { return };
        if self.deliveries[slot].stage == Stage::Waiting {
            self.stop_waiting(slot);
        }
        self.deliveries[slot].stage = Stage::Twin;
        self.look_up(letter);
    }

    /// A live event that nobody is at work for lets a letter of the same event go first: it may wait for that letter in its lane, and then
    /// must not be what the letter waits for.
    fn gives_way(&self, primary: u32) -> bool {
        let primary = &self.deliveries[primary];
        !primary.replay && matches!(primary.stage, Stage::Queued | Stage::LookingUp | Stage::Fresh | Stage::Waiting)
    }

    /// Whether a delivery is another event under the same id.
    pub(crate) fn conflicts(&self, slot: u32, other: Digest) -> bool {
        let delivery = &self.deliveries[slot];
        delivery.digest != other
            && self.policy(delivery.policy).on_conflict == OnConflict::DeadLetter
            && !self.bugs.has(Sabotage::ConflictAsDuplicate)
    }

    /// A primary's event is marked: its twins have nothing to wait for any more.
    pub(crate) fn release_twins(&mut self, primary: u32, stored: Digest) {
        let mut leader = self.twins.leave(&mut self.deliveries, primary);
        let mut twins = Vec::new();
        while let Some(twin) = leader {
            leader = self.twins.leave(&mut self.deliveries, twin);
            twins.push(twin);
        }
        for twin in twins {
            // What one of them comes to may end others: a letter before them that failed again sends them back.
            if self.deliveries.occupant(twin).is_some() {
                self.judge(twin, stored);
            }
        }
    }

    /// A delivery ends without its event being handled. If others wait for it, the first of them takes its turn and is looked up again:
    /// only handled makes a duplicate.
    pub(crate) fn leave_ring(&mut self, slot: u32) {
        let Some(heir) = self.twins.leave(&mut self.deliveries, slot) else { return };
        debug_assert_eq!(
            (self.deliveries[heir].stage, self.deliveries[heir].role),
            (Stage::Twin, Role::Primary),
            "who inherits has waited"
        );
        let caught_up = self.partitions.get(self.deliveries[heir].partition).is_some_and(|partition| partition.state != State::CatchingUp);
        if caught_up {
            self.look_up(heir);
        } else {
            self.deliveries[heir].stage = Stage::Queued;
        }
    }
}
