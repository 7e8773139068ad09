//! People: they see the ledger as it stands, and act on it, sometimes twice.

use onceward_engine::Offset;
use onceward_engine::ledger::{Command, Letter, LetterState, Record, Verb};

use super::world::{Happening, World};

impl World {
    /// Commands of a moment. The last operator goes on until nothing is left: replays what can be mended, discards the rest.
    pub(super) fn operate(&mut self, last: bool) {
        for partition in 0..self.logs.len() {
            let letters: Vec<(Offset, u32, bool)> =
                self.logs[partition].truth.letters().filter_map(|letter| self.choice(partition, letter)).collect();
            let (hopeless, others): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.2 && last);
            let strip = |list: Vec<(Offset, u32, bool)>| list.into_iter().map(|(offset, replays, _)| (offset, replays)).collect::<Vec<_>>();
            let (hopeless, mut others) = (strip(hopeless), strip(others));
            if !last {
                others.retain(|_| self.rng.percent(60));
            }
            self.command(partition, Verb::Discard, hopeless, false);
            let verb =
                if last { Verb::Replay } else { self.rng.pick(&[Verb::Replay, Verb::Replay, Verb::Replay, Verb::Discard, Verb::Stop]) };
            let force = last || self.rng.percent(20);
            self.command(partition, verb, others, force);
            // Said again: by somebody who does not know whether it arrived. Tools give it another id.
            if let Some((_, again)) = self.said.iter().rfind(|said| said.0 == partition).cloned().filter(|_| self.rng.percent(30)) {
                self.next_command += 1;
                let id = format!("c{}", self.next_command);
                self.append(partition, Record::Command(Command { id, ..again }));
            }
        }
        if last {
            let at = self.now + 1_000;
            self.queue.at(at, Happening::Operator { last });
        }
    }

    /// A letter that is not settled, and whether nothing will ever mend it.
    fn choice(&self, partition: usize, letter: &Letter) -> Option<(Offset, u32, bool)> {
        let record = &letter.record;
        let log = &self.logs[partition];
        let source = log.records[log.index(record.offset.0)];
        let gone = usize::try_from(record.letter.0).is_ok_and(|position| position < log.oldest_letter);
        let waits = record.state == LetterState::Held && !(source.hopeless || gone);
        (!record.state.is_terminal() && !waits).then_some((record.offset, record.replays, source.hopeless || gone))
    }

    fn command(&mut self, partition: usize, verb: Verb, letters: Vec<(Offset, u32)>, force: bool) {
        if letters.is_empty() {
            return;
        }
        self.next_command += 1;
        let id = format!("c{}", self.next_command);
        if verb == Verb::Replay {
            for (offset, _) in &letters {
                *self.logs[partition].commands.entry(offset.0).or_default() += 1;
                if force {
                    self.logs[partition].forced.insert(offset.0);
                }
            }
        }
        let rate = self.plan.rate.filter(|_| !self.healed());
        let command = Command { id, verb, letters, force, rate, who: "me".to_owned(), time: 0 };
        self.said.push((partition, command.clone()));
        self.append(partition, Record::Command(command));
    }
}
