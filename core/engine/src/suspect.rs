//! Events that may have killed the process: each runs alone, so that the next death has one culprit.
//!
//! What was running when the process died is known afterwards. A death in company proves nothing, so those events are only suspects: a
//! suspect starts when nothing else is in flight, and nothing else starts until it has answered. Who answers is acquitted. Deaths alone
//! are charged to the event; at the limit it is given up without another attempt.
//!
//! Handlers that were reported as stuck are left out of it: they may never end, and one of them must not keep everything from starting.
//! Should the process die then, the death is charged to the one that started last.

use std::collections::BTreeMap;

use crate::engine::Engine;
use crate::ids::{DeliveryId, EventHash};
use crate::sabotage::Sabotage;
use crate::{Reason, Runs, Suspect};

/// Suspects by event, with their charges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Suspects {
    charges: BTreeMap<EventHash, u32>,
    /// The one in its handler's hands, beside which nothing starts.
    alone: Option<DeliveryId>,
}

impl Engine {
    pub(crate) fn suspects(&mut self, suspects: &[Suspect]) {
        for suspect in suspects {
            let charges = self.suspects.charges.entry(suspect.event).or_default();
            *charges = (*charges).max(suspect.charges);
        }
    }

    /// Whether a delivery's event must not run in company.
    #[inline]
    pub(crate) fn is_suspect(&self, slot: u32) -> bool {
        !self.suspects.charges.is_empty() && self.suspects.charges.contains_key(&self.deliveries[slot].event())
    }

    /// Its handler answered: whoever kills the process, it is not this event.
    #[inline]
    pub(crate) fn acquit(&mut self, slot: u32) {
        if !self.suspects.charges.is_empty() {
            self.suspects.charges.remove(&self.deliveries[slot].event());
        }
    }

    /// It left its handler's hands, or is stuck there.
    #[inline]
    pub(crate) fn no_longer_alone(&mut self, slot: u32) {
        if self.suspects.alone.is_some() && self.suspects.alone == Some(self.deliveries[slot].id(slot)) {
            self.suspects.alone = None;
        }
    }

    /// Where lanes wait whose next event is a suspect: behind the queues of the gates.
    fn dock(&self) -> usize {
        self.gates.len()
    }

    /// Deals with a lane that was taken out of its queue to be started, if its next event is a suspect.
    #[inline]
    pub(crate) fn arrests(&mut self, lane: u32) -> bool {
        let slot = self.lanes.get(lane).cursor;
        if !self.is_suspect(slot) || self.bugs.has(Sabotage::SuspectsInCompany) {
            return false;
        }
        if !self.convict(slot) {
            self.lanes.hold(lane, self.dock());
        }
        true
    }

    /// A suspect runs, or waits until it would be alone: nothing else starts.
    #[inline]
    pub(crate) fn awaits_quiet(&self) -> bool {
        (self.suspects.alone.is_some() && !self.bugs.has(Sabotage::SuspectsGetCompany)) || self.lanes.holds(self.dock())
    }

    /// Starts a suspect, if one waits and it would be alone.
    pub(crate) fn confront(&mut self, runs: &mut Runs) {
        let company = self.suspects.alone.is_some() || self.totals.lanes > self.timers.stuck;
        if company || self.totals.runs >= self.settings.concurrency.max(1) {
            return;
        }
        while let Some(lane) = self.lanes.pop_held(self.dock()) {
            let slot = self.lanes.get(lane).cursor;
            // The lane may have gone back to an earlier event while it waited, and the event may have been acquitted as another's copy.
            if !self.is_suspect(slot) {
                self.lanes.set_ready(lane, true);
                continue;
            }
            if self.convict(slot) {
                continue;
            }
            let index = self.index_of(self.deliveries[slot].policy);
            if !self.lets_single_pass(index) {
                self.lanes.hold(lane, index);
                self.wait_for_rate(index);
                continue;
            }
            self.suspects.alone = Some(self.deliveries[slot].id(slot));
            self.start_single(index, lane, runs, true);
            return;
        }
    }

    /// Gives an event up to which deaths enough are charged.
    fn convict(&mut self, slot: u32) -> bool {
        let limit = self.settings.crash_limit.max(1).saturating_add(u32::from(self.bugs.has(Sabotage::CrashLimitOffByOne)));
        let charges = self.suspects.charges.get(&self.deliveries[slot].event());
        let convicted = charges.is_some_and(|&charges| charges >= limit || self.bugs.has(Sabotage::SuspectsConvicted));
        if convicted {
            self.refuse(slot, Reason::Crashed);
        }
        convicted
    }
}
