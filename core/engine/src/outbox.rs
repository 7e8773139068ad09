//! Orders that were decided and not yet handed out.

use std::collections::VecDeque;

use crate::delivery::Deliveries;
use crate::ids::{DeliveryId, Epoch, PartitionId};
use crate::{Alert, Effect, Fate};

/// Orders in the order of their decisions. What comes in masses is gathered until something else is decided.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Effect>,
    look_ups: Vec<DeliveryId>,
    marks: Vec<DeliveryId>,
    forgotten: Vec<(DeliveryId, Fate)>,
}

impl Outbox {
    #[inline]
    pub(crate) fn look_up(&mut self, id: DeliveryId) {
        self.look_ups.push(id);
    }

    #[inline]
    pub(crate) fn mark(&mut self, id: DeliveryId) {
        self.marks.push(id);
    }

    #[inline]
    pub(crate) fn forget(&mut self, id: DeliveryId, fate: Fate) {
        self.forgotten.push((id, fate));
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.close_batches();
        self.queue.push_back(effect);
    }

    fn close_batches(&mut self) {
        if !self.look_ups.is_empty() {
            self.queue.push_back(Effect::LookUp(take(&mut self.look_ups)));
        }
        if !self.marks.is_empty() {
            self.queue.push_back(Effect::Mark(take(&mut self.marks)));
        }
        if !self.forgotten.is_empty() {
            self.queue.push_back(Effect::Forget(take(&mut self.forgotten)));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Effect> {
        if self.queue.is_empty() {
            self.close_batches();
        }
        self.queue.pop_front()
    }

    /// Takes out what concerns an epoch that is over, and deliveries that are forgotten: it was decided, but must not happen any more.
    pub(crate) fn recall(&mut self, deliveries: &Deliveries, over: Option<(PartitionId, Epoch)>) {
        let lives = |id: &DeliveryId| deliveries.find(*id).is_some();
        self.look_ups.retain(lives);
        self.marks.retain(lives);
        self.queue.retain_mut(|effect| match effect {
            Effect::LookUp(ids) | Effect::Mark(ids) => {
                ids.retain(lives);
                !ids.is_empty()
            }
            Effect::DispatchBatch(runs) => {
                runs.retain(lives);
                !runs.ends.is_empty()
            }
            Effect::DeadLetter(letter) => lives(&letter.delivery),
            Effect::Cancel { delivery } | Effect::Alert(Alert::Conflict { delivery } | Alert::Stuck { delivery, .. }) => lives(delivery),
            Effect::Record(entry) => over != Some((entry.partition, entry.epoch)) && entry.delivery.is_none_or(|id| lives(&id)),
            Effect::FetchLetters(letters) => {
                letters.retain(|letter| over != Some((letter.partition, letter.epoch)));
                !letters.is_empty()
            }
            Effect::CatchUp { partition, epoch, .. }
            | Effect::ReadLedger { partition, epoch, .. }
            | Effect::Claim { partition, epoch, .. }
            | Effect::Superseded { partition, epoch }
            | Effect::Reassign { partition, epoch }
            | Effect::Remove { partition, epoch, .. }
            | Effect::FindOldestLetter { partition, epoch }
            | Effect::Commit { partition, epoch, .. }
            | Effect::Pause { partition, epoch }
            | Effect::Resume { partition, epoch }
            | Effect::Seek { partition, epoch, .. }
            | Effect::Release { partition, epoch } => over != Some((*partition, *epoch)),
            Effect::Dispatch(_) | Effect::Forget(_) | Effect::Alert(_) | Effect::Finished => true,
        });
    }
}

/// The next batch is likely as long as this one.
fn take<T>(batch: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(batch.len().min(1 << 12));
    std::mem::replace(batch, next)
}
