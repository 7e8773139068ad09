//! Keys that wait: the broker refuses one of their events, and the later ones must not overtake it.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// The first wait after a refusal, which only a person can end; it doubles.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// A topic and a key; an event without a key stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Lane(u128);

impl Lane {
    pub(super) fn of(topic: &str, key: Option<&[u8]>, number: u64) -> Self {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(&(topic.len() as u64).to_le_bytes());
        hasher.update(topic.as_bytes());
        match key {
            Some(key) => hasher.update(key),
            None => hasher.update(&number.to_le_bytes()),
        }
        hasher.update(&[u8::from(key.is_some())]);
        Self(hasher.digest128())
    }
}

/// What is held back, and when it is tried again.
#[derive(Default)]
pub(super) struct Held {
    lanes: HashMap<Lane, Waiting>,
    due: BTreeSet<(Instant, Lane)>,
}

#[derive(Default)]
struct Waiting {
    /// Numbers, in order.
    events: BTreeSet<u64>,
    /// The one that is on its way alone.
    trying: Option<u64>,
    refusals: u32,
    at: Option<Instant>,
}

impl Held {
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    pub(super) fn holds(&self, lane: Lane) -> bool {
        self.lanes.contains_key(&lane)
    }

    /// An event waits behind the one that is refused.
    pub(super) fn join(&mut self, lane: Lane, number: u64) {
        self.lanes.entry(lane).or_default().events.insert(number);
    }

    /// An event was refused: its lane waits. `at_once`: it had company, and perhaps that was why.
    pub(super) fn refuse(&mut self, lane: Lane, number: u64, at_once: bool, now: Instant) {
        let waiting = self.lanes.entry(lane).or_default();
        waiting.events.insert(number);
        if waiting.trying == Some(number) {
            waiting.trying = None;
        }
        if waiting.trying.is_some() || (waiting.at.is_some() && at_once) {
            return;
        }
        let wait = if at_once { Duration::ZERO } else { FIRST.saturating_mul(1 << waiting.refusals.min(10)).min(LONGEST) };
        waiting.refusals = waiting.refusals.saturating_add(u32::from(!at_once));
        let at = now + wait;
        if let Some(before) = waiting.at.replace(at) {
            self.due.remove(&(before, lane));
        }
        self.due.insert((at, lane));
    }

    /// Events whose time has come, the first of each lane: they go alone.
    pub(super) fn due(&mut self, now: Instant) -> Vec<u64> {
        let mut numbers = Vec::new();
        while let Some(&(at, lane)) = self.due.first()
            && at <= now
        {
            self.due.pop_first();
            let Some(waiting) = self.lanes.get_mut(&lane) else { continue };
            waiting.at = None;
            let first = waiting.events.first().copied();
            waiting.trying = first;
            numbers.extend(first);
        }
        numbers
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// An event was acknowledged. If its lane was held, the next of it goes now; `true`: the event was held.
    pub(super) fn acknowledged(&mut self, lane: Lane, number: u64, now: Instant) -> bool {
        let Some(waiting) = self.lanes.get_mut(&lane) else { return false };
        let held = waiting.events.remove(&number);
        if waiting.trying != Some(number) {
            return held;
        }
        waiting.trying = None;
        waiting.refusals = 0;
        if waiting.events.is_empty() {
            self.lanes.remove(&lane);
        } else {
            waiting.at = Some(now);
            self.due.insert((now, lane));
        }
        held
    }

    /// The clients were replaced: what was tried alone is tried again.
    pub(super) fn start_over(&mut self, now: Instant) {
        for (lane, waiting) in &mut self.lanes {
            if waiting.trying.take().is_some() && waiting.at.is_none() {
                waiting.at = Some(now);
                self.due.insert((now, *lane));
            }
        }
    }

    /// Whether an event waits in a held lane.
    pub(super) fn keeps(&self, lane: Lane, number: u64) -> bool {
        self.lanes.get(&lane).is_some_and(|waiting| waiting.events.contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_waits_behind_its_refused_event_and_goes_on_in_order() {
        let now = Instant::now();
        let lane = Lane::of("t", Some(b"k"), 0);
        let mut held = Held::default();
        held.refuse(lane, 5, false, now);
        held.join(lane, 7);
        held.join(lane, 6);
        assert!(held.due(now).is_empty(), "it waits first");
        assert_eq!(held.due(now + FIRST), [5]);
        held.refuse(lane, 5, false, now);
        assert!(held.due(now + FIRST).is_empty(), "and longer the second time");
        assert_eq!(held.due(now + FIRST * 2), [5]);
        for number in [5, 6, 7] {
            assert!(held.acknowledged(lane, number, now));
            assert_eq!(held.due(now), if number < 7 { vec![number + 1] } else { Vec::new() });
        }
        assert!(held.is_empty());
    }

    #[test]
    fn events_without_a_key_wait_for_nobody() {
        assert_ne!(Lane::of("t", None, 1), Lane::of("t", None, 2));
        assert_eq!(Lane::of("t", Some(b"k"), 1), Lane::of("t", Some(b"k"), 2));
        assert_ne!(Lane::of("t", Some(b""), 1), Lane::of("t", None, 1));
    }
}
