//! The story of one correlation id: everything that happened to one aircraft on one day, in time order.
//!
//! Taken from three places that know nothing of each other: the acknowledgements of what was sent, the log files of the two processes,
//! and the letters.

use std::collections::{BTreeMap, HashSet};

use onceward::wire::letter;
use serde::Serialize;

use super::evidence::Evidence;
use super::instant::Instant;
use super::numbers::count;
use super::send::Sent;

/// What happened to the events of one business flow.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Story {
    pub(super) correlation_id: String,
    pub(super) lines: Vec<Told>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Told {
    /// Since the start of the demo.
    pub(super) at: String,
    /// Which flight; empty for what concerns all.
    pub(super) flight: String,
    pub(super) what: String,
    #[serde(skip)]
    order: Instant,
}

/// Tells the plan's story.
pub(super) fn tell(evidence: &Evidence) -> Story {
    let correlation_id = evidence.plan.story.clone();
    let told: BTreeMap<(i32, i64), &Sent> =
        evidence.by_place().into_iter().filter(|(_, sent)| evidence.flight(sent).correlation_id() == correlation_id).collect();
    let mut lines = Vec::new();
    let mut tell = |at: Instant, flight: &str, what: String| {
        lines.push(Told { at: at.since(evidence.started), flight: flight.to_owned(), what, order: at });
    };

    let ours = || evidence.lines.iter().filter(|line| line.correlation_id == correlation_id);
    let handled: HashSet<(i32, i64)> = ours().map(|line| (line.partition, line.offset)).collect();
    let again: HashSet<(i32, i64)> = ours().filter(|line| line.process == 2).map(|line| (line.partition, line.offset)).collect();
    let topic = &evidence.names.flights;
    for (&(partition, offset), sent) in &told {
        let (flight, place) = (evidence.flight(sent), format!("{topic}/{partition}@{offset}"));
        let what = match (sent.record.copy, handled.contains(&(partition, offset))) {
            (false, _) => format!("sent, {place}: {} → {}", flight.origin, flight.dest),
            (true, false) => format!("sent again, {place}: a copy, dropped"),
            (true, true) => format!("sent again, {place}: a copy, but a handler saw it"),
        };
        tell(sent.at, &flight.id, what);
    }
    for line in ours() {
        let Some(sent) = told.get(&(line.partition, line.offset)) else { continue };
        let undone = line.process == 1 && again.contains(&(line.partition, line.offset));
        let what = match (line.failed, undone) {
            (false, false) => "handled".to_owned(),
            (false, true) => "handled, not yet durable at the kill: undone".to_owned(),
            (true, _) => format!("attempt {} failed: no departure time", line.attempt),
        };
        tell(line.at, &evidence.flight(sent).id, what);
    }
    let crash = &evidence.crash;
    tell(crash.at, "", "the consuming process is killed".to_owned());
    let dropped = told.iter().filter(|(place, sent)| {
        let before = ours().any(|line| (line.partition, line.offset) == **place && !line.failed && line.process == 1);
        before && !again.contains(place) && !crash.is_committed(sent)
    });
    let dropped = match super::numbers::len(dropped.count()) {
        0 => "another one starts".to_owned(),
        events => format!("another one starts; {} again, dropped, handled before", count(events, "event comes", "events come")),
    };
    tell(crash.restarted, "", dropped);
    for letter in &evidence.letters {
        if let Some(sent) = letter.origin().and_then(|place| told.get(&place)) {
            let attempts = letter.text(letter::ATTEMPTS).unwrap_or("?");
            let place = format!("{}/{}@{}", evidence.names.letters, letter.partition, letter.offset);
            tell(letter.at, &evidence.flight(sent).id, format!("dead letter after {attempts} attempts, {place}"));
        }
    }
    lines.sort_by_key(|told| told.order);
    Story { correlation_id, lines }
}
