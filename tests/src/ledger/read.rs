//! Members read the ledger of a partition, from its beginning and on.

use onceward_engine::{Epoch, Input, LedgerRead, Offset, RecordGone};

use super::broker::Stored;
use super::judge::Verdict;
use super::world::{Happening, World, named};

impl World {
    pub(super) fn read_ledger(&mut self, member: usize, partition: usize, epoch: Epoch) -> Verdict {
        let end = self.logs[partition].ledger.len();
        let most = self.rng.pick(&[1, 10, 1_000]);
        for _ in 0..most {
            let Some(held) = self.held(member, partition, epoch).filter(|held| !held.disputed) else { return Ok(()) };
            let (at, reading) = (held.ledger.unwrap_or(0), held.reading);
            if at >= end {
                break;
            }
            held.ledger = Some(at + 1);
            let stored = self.logs[partition].ledger[at].clone();
            let at = Offset(i64::try_from(at).unwrap_or(i64::MAX));
            let partition = named(partition);
            let input = match stored {
                Stored::Record(record) => Input::Ledger(Box::new(LedgerRead { partition, epoch, reading, at, record })),
                Stored::Tombstone(record) => Input::Removed(Box::new(RecordGone { partition, epoch, reading, at, record })),
                Stored::Compacted => continue,
            };
            self.deliver(member, input)?;
        }
        let Some(held) = self.held(member, partition, epoch).filter(|held| !held.disputed) else { return Ok(()) };
        if held.ledger.unwrap_or(0) >= end && !held.said_ledger_end {
            held.said_ledger_end = true;
            let reading = held.reading;
            self.deliver(member, Input::LedgerEnd { partition: named(partition), epoch, reading })?;
        }
        let stalls = self.rng.percent(self.plan.stalls);
        let at = self.now + 1 + if stalls { self.rng.within(0, 2_000) } else { self.rng.within(0, self.plan.latency) };
        self.queue.at(at, Happening::ReadLedger { member, partition, epoch });
        Ok(())
    }
}
