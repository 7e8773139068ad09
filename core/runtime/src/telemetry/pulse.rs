//! A sign of life that costs its owner one store: a count that goes up. Whoever watches it looks whether it still does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Beaten by the thread that lives, read by those who watch.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    beats: AtomicU64,
    /// The group answered, and gave us nothing: more members than partitions.
    standby: AtomicBool,
}

impl Pulse {
    pub(crate) fn beat(&self) {
        // One thread writes, so a plain load and store lose nothing.
        self.beats.store(self.beats.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// What the last answer of the group held.
    pub(crate) fn rebalanced(&self, partitions: bool) {
        self.standby.store(!partitions, Ordering::Relaxed);
    }

    pub(crate) fn on_standby(&self) -> bool {
        self.standby.load(Ordering::Relaxed)
    }

    fn count(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }
}

/// Looks at a pulse once per tick.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: u64,
    missed: u32,
}

impl Watch {
    /// How many ticks in a row brought no beat. Ticks are counted and not time, so a process that was stopped and goes on (SIGSTOP, a
    /// suspended machine) is not taken for a dead one.
    pub(super) fn tick(&mut self, pulse: &Pulse) -> u32 {
        self.look(pulse.count())
    }

    /// The same for any count that rises.
    pub(super) fn look(&mut self, count: u64) -> u32 {
        self.missed = if count == self.seen { self.missed.saturating_add(1) } else { 0 };
        self.seen = count;
        self.missed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_beats_are_counted_from_the_last_one() {
        let (pulse, mut watch) = (Pulse::default(), Watch::default());
        pulse.beat();
        assert_eq!(watch.tick(&pulse), 0);
        assert_eq!((watch.tick(&pulse), watch.tick(&pulse)), (1, 2));
        pulse.beat();
        assert_eq!(watch.tick(&pulse), 0);
    }
}
