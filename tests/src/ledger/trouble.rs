//! What goes wrong: deaths, moves, losses, claims of strangers, compaction, deletion.

use onceward_engine::ledger::{Claim, Record};
use onceward_engine::{Epoch, Input, Timestamp};

use super::judge::{GRACE, Verdict};
use super::plan::Trouble;
use super::world::{Happening, World, named};

impl World {
    pub(super) fn trouble(&mut self, trouble: Trouble) -> Verdict {
        let partition = self.rng.below(self.logs.len());
        let owner = self.logs[partition].owner;
        match trouble {
            Trouble::Crash => {
                let able: Vec<usize> = (0..self.members.len()).filter(|&member| self.members[member].alive).collect();
                let Some((member, _)) = owner.filter(|_| self.rng.percent(80)).or_else(|| Some((*able.first()?, Epoch(0)))) else {
                    return Ok(());
                };
                self.crash(member);
            }
            Trouble::Move => {
                let Some((member, epoch)) = owner else { return Ok(()) };
                let deadline = Timestamp(self.now + self.rng.pick(&[10, 500, 5_000]));
                if let Some(held) = self.held(member, partition, epoch) {
                    held.asked_back = true;
                }
                self.queue.at(deadline.0 + GRACE, Happening::Overdue { member, partition, epoch });
                return self.deliver(member, Input::Revoking { partition: named(partition), epoch, deadline });
            }
            Trouble::Lose => {
                let Some((member, _)) = owner else { return Ok(()) };
                self.logs[partition].owner = None;
                let at = self.now + self.rng.pick(&[0, 5, 100, 1_000]);
                self.queue.at(at, Happening::Notice { member, partition });
                let at = self.now + self.rng.within(1, 50);
                self.queue.at(at, Happening::Balance { partition });
            }
            Trouble::Intrude => {
                let prev = self.logs[partition].truth.current();
                let claim = Claim { prev, member: format!("stranger/{}", self.now), generation: 0, store: "s".to_owned(), time: 0 };
                self.append(partition, Record::Claim(claim));
                self.met.intruders += 1;
            }
            Trouble::Compact => {
                self.judge_ledger(partition)?;
                let until = self.rng.below(self.logs[partition].ledger.len() + 1);
                self.logs[partition].compact(until);
            }
            Trouble::Expire => {
                let log = &mut self.logs[partition];
                let open = log.truth.letters().filter(|letter| !letter.record.state.is_terminal());
                let first = open.filter_map(|letter| usize::try_from(letter.record.letter.0).ok()).min();
                log.oldest_letter = first.unwrap_or(log.letters.len()).max(log.oldest_letter);
            }
            Trouble::Delete => {
                let log = &mut self.logs[partition];
                log.oldest_letter = log.letters.len() / 2;
            }
        }
        Ok(())
    }

    pub(super) fn crash(&mut self, member: usize) {
        self.tell(|| format!("m{member} dies"));
        self.met.crashes += 1;
        self.members[member].alive = false;
        for partition in 0..self.logs.len() {
            if self.logs[partition].owner.is_some_and(|owner| owner.0 == member) {
                self.logs[partition].owner = None;
                let at = self.now + self.rng.within(5, 100);
                self.queue.at(at, Happening::Balance { partition });
            }
        }
        let at = self.now + self.rng.within(1, 300);
        self.queue.at(at, Happening::Restart);
    }
}
