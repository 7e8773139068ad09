//! Suspects run alone, and only those to whom deaths enough are charged are given up.

use onceward_engine::{DeliveryId, Runs, Suspect};

use super::delivery::{LookUp, Stage};
use super::{Verdict, Watch, broken};

impl Watch {
    pub(super) fn suspected(&mut self, suspects: &[Suspect]) -> bool {
        for suspect in suspects {
            let charges = self.suspects.entry(suspect.event).or_default();
            *charges = (*charges).max(suspect.charges);
        }
        true
    }

    pub(super) fn acquitted(&mut self, id: DeliveryId) {
        if let Some(delivery) = self.deliveries.get(&id) {
            self.suspects.remove(&delivery.event);
        }
    }

    fn charges(&self, id: DeliveryId) -> Option<u32> {
        self.suspects.get(&self.deliveries.get(&id)?.event).copied()
    }

    pub(super) fn is_convicted(&self, id: DeliveryId) -> bool {
        self.charges(id).is_some_and(|charges| charges >= self.settings.crash_limit)
    }

    /// Handlers in flight that are not known to be stuck.
    fn busy(&self) -> bool {
        self.runs.values().any(|run| !run.told)
    }

    fn suspect_runs(&self) -> bool {
        self.alone.and_then(|run| self.runs.get(&run)).is_some_and(|run| !run.told)
    }

    /// Nothing has to start while a suspect runs, or while one waits until everything else has ended.
    pub(super) fn waits_for_quiet(&self) -> bool {
        let waits = || {
            let suspects = self.deliveries.values().filter(|delivery| self.suspects.contains_key(&delivery.event));
            suspects.into_iter().any(|delivery| delivery.stage == Stage::Idle && delivery.look_up == LookUp::New)
        };
        !self.suspects.is_empty() && self.busy() && (self.suspect_runs() || waits())
    }

    /// Judges who starts beside whom.
    pub(super) fn company(&mut self, runs: &Runs) -> Verdict {
        if self.suspect_runs() {
            return broken("I6", "something starts beside a suspect that runs alone");
        }
        for &(id, _) in &runs.deliveries {
            let Some(charges) = self.charges(id) else { continue };
            if charges >= self.settings.crash_limit {
                return broken("I6", format!("{id:?} is started again after it killed the process {charges} times"));
            }
            if !runs.alone || runs.deliveries.len() > 1 || self.busy() {
                return broken("I6", format!("{id:?}, a suspect, is started in company"));
            }
        }
        self.alone = runs.alone.then_some(self.next_run + 1);
        Ok(())
    }
}
