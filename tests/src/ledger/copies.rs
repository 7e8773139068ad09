//! Records that land twice: an acknowledgement is lost, and whoever waits for it sends the record again.
//!
//! The second one lands whenever it likes: after anything else, and after the partition has another owner. The first may land after it. Each
//! sending of a letter's record has a key of its own; a claim is not sent again, but may land when its writer has given it up; what takes
//! something out is the same however often it lands.

use onceward_engine::{Epoch, Input};

use super::Wrong;
use super::world::{Happening, World, Write, named};

impl World {
    /// A record of a ledger is about to land. What lands now, if anything: perhaps its writer never hears of it, and sends it again.
    pub(super) fn sends_again(&mut self, member: usize, partition: usize, epoch: Epoch, write: Write) -> Option<Write> {
        if matches!(write, Write::Letter { .. }) || !self.copies.percent(self.plan.again) {
            return Some(write);
        }
        self.met.copies += 1;
        let (mut now, mut later) = (Some(write.clone()), write.clone());
        match (&write, &mut now, &mut later) {
            (Write::Record(entry, _), Some(Write::Record(_, first)), Write::Record(_, second)) => {
                let input = Input::SentAgain { partition: named(partition), epoch, offset: entry.offset };
                self.queue.at(self.now, Happening::Answer { member, input });
                if self.wrong != Some(Wrong::OneKey) {
                    let sendings = if self.copies.percent(50) { (0, 1) } else { (1, 0) };
                    (*first, *second) = sendings;
                }
            }
            (&Write::Claim { reading, .. }, ..) if self.wrong != Some(Wrong::ClaimsSentAgain) => {
                let at = self.soon();
                self.queue.at(at, Happening::Answer { member, input: Input::ClaimFailed { partition: named(partition), epoch, reading } });
                now = None;
            }
            _ => {}
        }
        // Also when everything else is over: what was settled has to stay so.
        self.unlanded += 1;
        let after = self.copies.pick(&[0, 20, 300, 3_000, 10_000]);
        let at = self.now + self.copies.within(0, after);
        self.queue.at(at, Happening::LandsAgain { member, partition, epoch, write: later });
        now
    }
}
