//! Each check accepts a sound history and finds what it is for.
#![allow(clippy::panic)]

use super::{Check, check};
use crate::history::{End, Entry, Owner, Spot, Step};

const TOPIC: &str = "t";

fn owner(member: &str, epoch: u32) -> Owner {
    Owner { member: member.to_owned(), epoch }
}

fn at(offset: i64) -> Spot {
    Spot::new(TOPIC, 0, offset)
}

fn key() -> Option<String> {
    Some("k".to_owned())
}

fn produced(offset: i64) -> Step {
    Step::Produced { spot: at(offset), key: key(), id: format!("id{offset}"), digest: format!("d{offset}"), aborted: false }
}

fn polled(offset: i64) -> Step {
    Step::Polled { spot: at(offset), digest: format!("d{offset}") }
}

fn started(offset: i64) -> Step {
    Step::Started { spot: at(offset), key: key(), attempt: 1, correlation: Some(format!("c{offset}")) }
}

fn ended(offset: i64, end: End) -> Step {
    Step::Ended { spot: at(offset), end }
}

fn effect(offset: i64, member: &str) -> Step {
    Step::Effect { spot: at(offset), key: key(), id: format!("id{offset}"), by: owner(member, 1) }
}

fn lettered(offset: i64) -> Step {
    Step::Lettered { spot: at(offset), digest: format!("d{offset}"), correlation: Some(format!("c{offset}")) }
}

fn committed(next: i64) -> Step {
    Step::Committed { topic: TOPIC.to_owned(), partition: 0, next }
}

fn found(steps: &[(&str, Step)]) -> Vec<Check> {
    let entry = |(at, (member, step)): (usize, &(&str, Step))| Entry { at: at as u64, by: owner(member, 1), step: step.clone() };
    let history: Vec<_> = steps.iter().enumerate().map(entry).collect();
    let mut checks: Vec<_> = check(&history).into_iter().map(|violation| violation.check).collect();
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// Three records: one handled, one lettered, one handled again by another process after a kill.
fn sound() -> Vec<(&'static str, Step)> {
    let mut steps: Vec<_> = (0..3).map(|offset| ("p", produced(offset))).collect();
    steps.extend([
        ("a", polled(0)),
        ("a", polled(1)),
        ("a", polled(2)),
        ("a", started(0)),
        ("a", Step::Said { spot: at(0), correlation: Some("c0".to_owned()) }),
        ("a", ended(0, End::Done)),
        ("a", started(1)),
        ("a", ended(1, End::Retry)),
        ("a", started(1)),
        ("a", ended(1, End::GivenUp)),
        ("p", effect(0, "a")),
        ("p", lettered(1)),
        ("p", committed(2)),
        ("a", started(2)),
        // Here `a` is killed: what it did with the third record is not durable.
        ("b", polled(2)),
        ("b", started(2)),
        ("b", ended(2, End::Done)),
        ("p", effect(2, "b")),
        ("p", committed(3)),
    ]);
    steps
}

fn without(mut steps: Vec<(&'static str, Step)>, what: &Step) -> Vec<(&'static str, Step)> {
    let place = steps.iter().position(|(_, step)| step == what);
    steps.remove(place.unwrap_or_else(|| panic!("{what:?} is not in the history")));
    steps
}

fn with(mut steps: Vec<(&'static str, Step)>, more: (&'static str, Step)) -> Vec<(&'static str, Step)> {
    steps.push(more);
    steps
}

#[test]
fn a_sound_history_passes() {
    assert_eq!(found(&sound()), []);
}

#[test]
fn c1_a_commit_past_an_unresolved_record() {
    assert_eq!(found(&without(sound(), &effect(0, "a"))), [Check::Lost]);
    assert_eq!(found(&without(sound(), &lettered(1))), [Check::Lost]);
}

#[test]
fn c1_a_record_that_is_resolved_only_after_its_commit() {
    let mut steps = without(sound(), &lettered(1));
    steps.push(("p", lettered(1)));
    assert_eq!(found(&steps), [Check::Lost]);
}

#[test]
fn c2_a_second_effect() {
    assert_eq!(found(&with(sound(), ("p", effect(2, "b")))), [Check::Twice]);
}

#[test]
fn c3_a_key_that_overlaps() {
    let steps = without(sound(), &ended(0, End::Done));
    assert_eq!(found(&steps), [Check::Order]);
}

#[test]
fn c3_a_key_that_changes_places() {
    let steps = [("p", produced(0)), ("p", produced(1)), ("a", started(1)), ("a", ended(1, End::Done)), ("a", started(0))];
    assert_eq!(found(&steps), [Check::Order]);
}

#[test]
fn c3_effects_that_change_places_over_a_kill() {
    let steps = [("p", produced(0)), ("p", produced(1)), ("p", effect(1, "b")), ("p", effect(0, "a"))];
    assert_eq!(found(&steps), [Check::Order]);
}

#[test]
fn c4_a_commit_that_goes_back() {
    assert_eq!(found(&with(sound(), ("p", committed(1)))), [Check::Commit]);
    let asked = with(sound(), ("p", Step::Rewound { topic: TOPIC.to_owned(), partition: 0 }));
    assert_eq!(found(&with(asked, ("p", committed(1)))), [], "an operator may");
}

#[test]
fn c5_a_poll_that_leaves_a_record_out_or_goes_back() {
    assert_eq!(found(&without(sound(), &polled(1))), [Check::Poll]);
    assert_eq!(found(&with(sound(), ("b", polled(1)))), [Check::Poll]);
}

#[test]
fn c6_a_ghost() {
    assert_eq!(found(&with(sound(), ("p", effect(7, "b")))), [Check::Ghost]);
    let aborted = Step::Produced { spot: at(3), key: None, id: "x".to_owned(), digest: "d3".to_owned(), aborted: true };
    assert_eq!(found(&with(with(sound(), ("p", aborted)), ("p", lettered(3)))), [Check::Ghost]);
}

#[test]
fn c7_a_letter_with_other_bytes() {
    let mut steps = without(sound(), &lettered(1));
    let changed = Step::Lettered { spot: at(1), digest: "other".to_owned(), correlation: Some("c1".to_owned()) };
    let place = steps.iter().position(|(_, step)| *step == committed(2)).unwrap_or_default();
    steps.insert(place, ("p", changed));
    assert_eq!(found(&steps), [Check::Bytes]);
}

#[test]
fn c8_no_progress_after_the_faults_ended() {
    let lag = |at: u64, records, running| Entry { at: at * 1_000_000, by: owner("p", 0), step: Step::Lag { records, running } };
    let healed = Entry { at: 0, by: owner("p", 0), step: Step::Healed };
    let judged = |entries: &[Entry]| check(entries).into_iter().map(|violation| violation.check).collect::<Vec<_>>();
    assert_eq!(judged(&[healed.clone(), lag(1, 5, 0), lag(20, 5, 0), lag(40, 5, 0)]), [Check::Stuck]);
    assert_eq!(judged(&[healed.clone(), lag(1, 5, 0), lag(20, 4, 0), lag(40, 3, 0)]), [], "slow is not stuck");
    assert_eq!(judged(&[healed, lag(1, 5, 0), lag(20, 5, 1), lag(40, 5, 1)]), [], "a long handler is not stuck");
    assert_eq!(judged(&[lag(1, 5, 0), lag(40, 5, 0)]), [], "faults may last");
}

#[test]
fn c9_an_effect_of_a_former_owner() {
    let steps = with(sound(), ("p", produced(3)));
    assert_eq!(found(&with(steps, ("p", effect(3, "a")))), [Check::Zombie]);
}

#[test]
fn c10_a_line_and_a_letter_with_another_correlation_id() {
    let steps = with(sound(), ("b", started(2)));
    assert_eq!(found(&with(steps, ("b", Step::Said { spot: at(2), correlation: None }))), [Check::Trace]);
    let mut steps = without(sound(), &lettered(1));
    let other = Step::Lettered { spot: at(1), digest: "d1".to_owned(), correlation: Some("another".to_owned()) };
    let place = steps.iter().position(|(_, step)| *step == committed(2)).unwrap_or_default();
    steps.insert(place, ("p", other));
    assert_eq!(found(&steps), [Check::Trace]);
}
