//! What will be sent, in which order, decided before anything is sent.

use std::collections::{BTreeMap, HashSet};

use onceward_flights::{Flight, hash};

/// Partitions of the flights' topic.
pub(super) const PARTITIONS: i32 = 8;
/// One in so many events is sent twice.
const COPY_ONE_IN: usize = 100;
/// A copy follows its original after at most so many other events.
const LONGEST_GAP: u64 = 500;
/// The same copies in every run, so that a figure can be talked about.
const SEED: u64 = 2013;

/// One record to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Which flight.
    pub(super) flight: usize,
    /// Whether this is the second time.
    pub(super) copy: bool,
    /// Where to.
    pub(super) partition: i32,
}

/// Everything that will be sent.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) flights: Vec<Flight>,
    pub(super) records: Vec<Record>,
    pub(super) copies: usize,
    pub(super) cancelled: usize,
    /// The business flow whose story is told at the end.
    pub(super) story: String,
}

impl Plan {
    pub(super) fn new(flights: Vec<Flight>) -> Self {
        let copied = choose(&flights);
        let mut places: Vec<(u64, Record)> = Vec::with_capacity(flights.len() + copied.len());
        for (index, flight) in flights.iter().enumerate() {
            let partition = partition(flight, index);
            let place = u64::try_from(index).unwrap_or(u64::MAX) * 2;
            places.push((place, Record { flight: index, copy: false, partition }));
            if let Some(gap) = copied.get(&index) {
                places.push((place + 1 + 2 * gap, Record { flight: index, copy: true, partition }));
            }
        }
        places.sort_by_key(|(place, _)| *place);
        let records = places.into_iter().map(|(_, record)| record).collect();
        let cancelled = flights.iter().filter(|flight| flight.is_cancelled()).count();
        let story = story(&flights, &copied);
        Self { flights, records, copies: copied.len(), cancelled, story }
    }

    /// The flights that can be handled.
    pub(super) fn departed(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter().filter(|flight| !flight.is_cancelled())
    }
}

/// Flights of one aircraft share a partition. The copy of a flight without a tail number follows its original, so that the original is
/// the one that counts.
fn partition(flight: &Flight, index: usize) -> i32 {
    let spread = flight.tailnum.as_deref().map_or(index as u64, hash);
    i32::try_from(spread % PARTITIONS.unsigned_abs() as u64).unwrap_or(0)
}

/// Which flights are sent twice, and how many others are sent before the copy. Only flights that departed: a copy of an event that was
/// given up is no duplicate of something handled, it would be tried again and get a letter of its own.
fn choose(flights: &[Flight]) -> BTreeMap<usize, u64> {
    let mut random = SplitMix(SEED);
    let wanted = flights.len() / COPY_ONE_IN;
    let mut chosen = BTreeMap::new();
    let departed: Vec<usize> = (0..flights.len()).filter(|&index| !flights[index].is_cancelled()).collect();
    while chosen.len() < wanted.min(departed.len()) {
        let index = departed[random.below(departed.len() as u64) as usize];
        chosen.insert(index, 1 + random.below(LONGEST_GAP));
    }
    chosen
}

/// An aircraft's day with everything in it: a flight that was cancelled and one that was sent twice; else one with a cancelled flight.
fn story(flights: &[Flight], copied: &BTreeMap<usize, u64>) -> String {
    let twice: HashSet<String> = copied.keys().map(|&index| flights[index].correlation_id()).collect();
    let cancelled = || flights.iter().filter(|flight| flight.is_cancelled() && flight.tailnum.is_some()).map(Flight::correlation_id);
    cancelled().find(|id| twice.contains(id)).or_else(|| cancelled().next()).unwrap_or_default()
}

/// SplitMix64: small, well mixed, and the same on every machine.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Close enough to uniform for choosing copies.
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn january_is_sent_in_order_with_one_percent_twice() {
        let plan = Plan::new(onceward_flights::january().unwrap());
        assert_eq!((plan.flights.len(), plan.copies, plan.cancelled), (27_004, 270, 521));
        assert_eq!(plan.records.len(), 27_274);
        let originals: Vec<usize> = plan.records.iter().filter(|record| !record.copy).map(|record| record.flight).collect();
        assert!(originals.is_sorted(), "flights are sent as they happened");
        let mut seen = HashSet::new();
        for record in &plan.records {
            assert_eq!(seen.insert((record.flight, record.partition)), !record.copy, "a copy comes after its original, in its partition");
        }
    }

    #[test]
    fn the_story_has_a_cancelled_flight_and_a_copy() {
        let plan = Plan::new(onceward_flights::january().unwrap());
        let told = |index: usize| plan.flights[index].correlation_id() == plan.story;
        assert!(plan.records.iter().any(|record| record.copy && told(record.flight)), "{}", plan.story);
        assert!((0..plan.flights.len()).any(|index| told(index) && plan.flights[index].is_cancelled()));
    }
}
