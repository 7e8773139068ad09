//! How fast letters of a command with a rate are asked for: one by one, the others wait.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{Offset, Timestamp};

/// The paces of one partition's commands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// When a command's next letter may start, in microseconds; those of which that is over are left out now and then.
    next: BTreeMap<Offset, u64>,
    /// Letters that wait, by command.
    waiting: BTreeMap<Offset, BTreeSet<Offset>>,
    /// When the first of them is looked for.
    pub(crate) due: Option<Timestamp>,
}

impl Pace {
    /// Whether a letter may start now; if so, the next one of its command may not, for a while. `rate`: thousandths per second.
    pub(crate) fn starts(&mut self, command: Offset, rate: u32, now: Timestamp, ignored: bool) -> bool {
        let at = self.next.get(&command).copied().unwrap_or_default().max(now.0.saturating_mul(1_000));
        if at / 1_000 > now.0 && !ignored {
            return false;
        }
        if !self.next.contains_key(&command) {
            // A pace that is over says nothing, and its command may never have another letter.
            let waiting = &self.waiting;
            self.next.retain(|command, at| *at / 1_000 > now.0 || waiting.contains_key(command));
        }
        self.next.insert(command, at.saturating_add(1_000_000_000 / u64::from(rate.max(1))));
        true
    }

    /// A letter waits for the pace of its command.
    pub(crate) fn wait(&mut self, command: Offset, letter: Offset) {
        self.waiting.entry(command).or_default().insert(letter);
    }

    /// When the first letter that waits may start.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.waiting.keys().filter_map(|command| self.next.get(command)).min().map(|at| Timestamp(at / 1_000))
    }

    /// The next letters of commands whose time has come.
    pub(crate) fn ready(&mut self, now: Timestamp) -> Vec<Offset> {
        let next = &self.next;
        let is_due = |command: &Offset| next.get(command).is_none_or(|at| at / 1_000 <= now.0);
        let letters =
            self.waiting.iter_mut().filter(|(command, _)| is_due(command)).filter_map(|(_, letters)| letters.pop_first()).collect();
        self.waiting.retain(|_, letters| !letters.is_empty());
        letters
    }

    /// Nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Offset, Pace, Timestamp};

    #[test]
    fn letters_start_at_their_commands_pace() {
        let mut pace = Pace::default();
        let (command, ten_a_second) = (Offset(7), 10_000);
        assert!(pace.starts(command, ten_a_second, Timestamp(5), false));
        assert!(!pace.starts(command, ten_a_second, Timestamp(104), false));
        pace.wait(command, Offset(2));
        pace.wait(command, Offset(1));
        assert_eq!((pace.first(), pace.ready(Timestamp(104))), (Some(Timestamp(105)), Vec::new()));
        assert_eq!(pace.ready(Timestamp(105)), [Offset(1)]);
        assert!(pace.starts(command, ten_a_second, Timestamp(105), false) && !pace.is_idle());
        assert_eq!(pace.ready(Timestamp(205)), [Offset(2)]);
        assert!(pace.is_idle());
    }

    #[test]
    fn of_many_commands_only_those_are_kept_that_still_say_something() {
        let mut pace = Pace::default();
        for number in 0..10_000_i64 {
            let now = Timestamp(100 * number.unsigned_abs());
            assert!(pace.starts(Offset(number), 1_000, now, false));
            pace.wait(Offset(number), Offset(1));
            if number != 3 {
                pace.waiting.remove(&Offset(number));
            }
        }
        assert!(pace.next.contains_key(&Offset(3)), "a letter waits for it");
        assert!(pace.next.len() <= 12, "{} paces, each of a second, 100 ms apart", pace.next.len());
    }
}
