//! Records that land twice: an acknowledgement is lost, and whoever waits for it sends the record again.
//!
//! The second one lands whenever it likes: after anything else, and after the partition has another owner.

use onceward_engine::Epoch;

use super::world::{Happening, World, Write};

impl World {
    /// A record of a ledger is about to land. Perhaps its writer never hears of that.
    pub(super) fn lands_again(&mut self, member: usize, partition: usize, epoch: Epoch, write: &Write) {
        if matches!(write, Write::Letter { .. }) || !self.copies.percent(self.plan.again) {
            return;
        }
        let after = self.copies.pick(&[0, 20, 300, 3_000]);
        let at = self.now + self.copies.within(0, after);
        self.met.copies += 1;
        self.queue.at(at, Happening::Lands { member, partition, epoch, write: write.clone(), late: true });
    }
}
