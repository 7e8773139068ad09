//! What must be true in the end.

use std::collections::{BTreeMap, HashSet};

use onceward_engine::ledger::LetterState;
use onceward_flights::{Aircraft, Fleet, Flight, SELECT, sequential_pass};
use onceward_tests::consumer_child::Shift;
use onceward_tests::kafka;
use rusqlite::Connection;

use crate::ledger;

pub(crate) fn pronounce(shift: &Shift, flights: &[Flight]) {
    let database = Connection::open(&shift.inbox).unwrap();
    every_aircraft_is_as_a_pass_over_all_flights_leaves_it(&database, flights);
    every_flight_had_its_effect_once_and_in_order(&database, flights.len());
    let folds = ledger::fold(shift);
    assert_eq!(ledger::count(&folds, LetterState::Open) + ledger::count(&folds, LetterState::Held), 0, "nothing is held any more");
    assert_eq!(ledger::count(&folds, LetterState::Discarded), 0);
    let others = kafka::read_all(&shift.brokers, &shift.topic).len();
    assert_eq!(others, flights.len(), "other groups of the topic see not one event more");
}

fn every_aircraft_is_as_a_pass_over_all_flights_leaves_it(database: &Connection, flights: &[Flight]) {
    let mut rows = database.prepare(SELECT).unwrap();
    let got: Fleet = rows
        .query_map([], |row| {
            let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok((row.get(0)?, Aircraft { flights: number(1)?, miles: number(2)?, last_airport: row.get(3)?, chain: number(4)? }))
        })
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let expected = sequential_pass(flights);
    let differing: Vec<_> = expected.iter().filter(|(tailnum, aircraft)| got.get(*tailnum) != Some(aircraft)).take(5).collect();
    assert!(differing.is_empty(), "these aircraft differ from a sequential pass over all flights, cancelled ones included: {differing:?}");
    assert_eq!(got.len(), expected.len(), "no aircraft may appear out of nothing");
}

/// The journal's rows are numbered in the order of their commits.
fn every_flight_had_its_effect_once_and_in_order(database: &Connection, flights: usize) {
    let mut rows = database.prepare("SELECT part, record, lane, replayed FROM journal ORDER BY number").unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let (mut seen, mut last, mut replayed) = (HashSet::new(), BTreeMap::<String, i64>::new(), 0);
    for row in rows {
        let (part, record, lane, again): (i32, i64, String, i64) = row.unwrap();
        assert!(seen.insert((part, record)), "{part}/{record} had its effect twice");
        replayed += again;
        // Flights without an aircraft have no key, and no order.
        if !lane.is_empty() {
            let before = last.insert(lane.clone(), record);
            assert!(before.is_none_or(|before| before < record), "{lane}: {record} came after {before:?}");
        }
    }
    assert_eq!(seen.len(), flights);
    assert!(replayed > 1_000, "{replayed} effects came from replays");
}
