//! What must be true in the end.

use std::collections::BTreeMap;

use onceward_flights::{Aircraft, Fleet, SELECT, sequential_pass};
use onceward_tests::{checker, history, kafka};

use crate::evidence;
use crate::world::{PARTITIONS, World};

pub(crate) fn pronounce(world: &World) {
    every_aircraft_is_as_a_sequential_pass_leaves_it(world);
    every_cancelled_flight_has_its_letter(world);
    everything_is_committed(world);
    the_history_breaks_no_promise(world);
    // Kept when something fails: it is the only trace.
    std::fs::remove_dir_all(&world.folder).unwrap();
}

fn every_aircraft_is_as_a_sequential_pass_leaves_it(world: &World) {
    let database = evidence::open(&world.orders);
    let mut rows = database.prepare(SELECT).unwrap();
    let got: Fleet = rows
        .query_map([], |row| {
            let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok((row.get(0)?, Aircraft { flights: number(1)?, miles: number(2)?, last_airport: row.get(3)?, chain: number(4)? }))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let expected = sequential_pass(world.flights.iter().filter(|flight| !flight.is_cancelled()));
    let differing: Vec<_> = expected.iter().filter(|(tailnum, aircraft)| got.get(*tailnum) != Some(aircraft)).take(5).collect();
    assert!(differing.is_empty(), "these aircraft differ from a sequential pass: {differing:?}; see {}", world.folder.display());
    assert_eq!(got.len(), expected.len(), "no aircraft may appear out of nothing");
}

fn every_cancelled_flight_has_its_letter(world: &World) {
    let cancelled = world.flights.iter().filter(|flight| flight.is_cancelled());
    let poison: BTreeMap<_, _> = cancelled.flat_map(|flight| &world.evidence.copies[&flight.id]).map(|spot| (spot, ())).collect();
    assert!(poison.len() >= 8_255, "the poison is 2.5 %");
    let without: Vec<_> = poison.keys().filter(|spot| !world.evidence.letters.contains_key(**spot)).take(5).collect();
    assert!(without.is_empty(), "cancelled flights without a letter: {without:?}; see {}", world.folder.display());
    for (spot, (ids, count)) in &world.evidence.letters {
        assert!(poison.contains_key(spot), "a letter of a flight that left: {spot:?}");
        assert_eq!(ids.len(), 1, "{count} copies of one letter must carry one letter id: {spot:?}");
    }
    let doubled: u64 = world.evidence.letters.values().map(|(_, count)| count - 1).sum();
    // Each kill may repeat what was on its way, and no more than that.
    assert!(doubled <= (world.kills + 3) * 10_000, "{doubled} letters were written again");
}

fn everything_is_committed(world: &World) {
    let committed = kafka::committed(&world.orders.brokers, &world.orders.group, &world.orders.topic);
    let mut ends = BTreeMap::new();
    for spot in world.evidence.sources.keys() {
        let end = ends.entry(spot.partition).or_insert(0);
        *end = (spot.offset + 1).max(*end);
    }
    assert_eq!(ends.len(), PARTITIONS.unsigned_abs() as usize);
    assert_eq!(committed, ends, "after the end everything is committed");
}

fn the_history_breaks_no_promise(world: &World) {
    let files = world.histories();
    let history = history::read(files.iter().map(std::path::PathBuf::as_path)).unwrap();
    let violations = checker::check(&history);
    let shown: Vec<_> = violations.iter().take(10).map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} broken promises, see {}:\n{}", violations.len(), world.folder.display(), shown.join("\n"));
}
