//! What a replay or a discard would do, before anything is written.

use std::collections::{BTreeMap, HashSet};

use onceward::ledger::{Ask, Awaited, Chosen, Ledger, LetterState, Offset, Verb, reason_text};
use onceward::letter::letter_id;
use serde::Serialize;

use super::place::Shelf;
use super::standing::Ahead;
use crate::output::rfc3339;

/// Followers that are named one by one; the rest is counted.
const NAMED: usize = 20;

/// Of one topic.
#[derive(Debug, Default, Serialize)]
pub(super) struct TopicPlan {
    pub(super) topic: String,
    pub(super) ledger: String,
    /// Letters that are asked for.
    pub(super) letters: u64,
    /// By cause, the largest first.
    pub(super) causes: Vec<Cause>,
    /// Letters that were asked for before and are not done yet; they are not asked for again.
    pub(super) asked_before: u64,
    /// Replays of a letter that may fail; further ones need `--force`.
    pub(super) max_replays: u32,
    /// Letters that failed so many already.
    pub(super) past_max_replays: u64,
    /// Letters that run by themselves once the letters before them are settled.
    pub(super) followers: u64,
    /// The first of them.
    pub(super) waiting: Vec<Follower>,
    /// Letters of the same keys that were not chosen and run, in order, when the chosen ones are settled.
    pub(super) released: u64,
    #[serde(skip)]
    pub(super) asks: Vec<(i32, Offset, u32)>,
    #[serde(skip)]
    pub(super) awaited: Awaited,
}

/// Letters with one cause.
#[derive(Debug, Serialize)]
pub(super) struct Cause {
    pub(super) fingerprint: String,
    pub(super) reason: &'static str,
    pub(super) count: u64,
    pub(super) first: String,
    pub(super) last: String,
}

/// A letter that has to wait for another one.
#[derive(Debug, Serialize)]
pub(super) struct Follower {
    pub(super) letter_id: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) waits_for: Ahead,
}

/// Sorts the chosen letters of a topic into what is asked for and what is not. `most`: replays of a letter that may fail.
pub(super) fn plan(shelf: &Shelf, group: &str, ledger: &Ledger, chosen: &[Chosen<'_>], what: &Ask, most: u32) -> TopicPlan {
    let (verb, force) = (what.verb, what.force);
    let source = shelf.source.clone().unwrap_or_default();
    let mut plan = TopicPlan { topic: source.clone(), ledger: ledger.topic().to_owned(), max_replays: most, ..TopicPlan::default() };
    let places: HashSet<(i32, Offset)> = chosen.iter().map(|chosen| (chosen.partition, chosen.letter.record.offset)).collect();
    let mut causes: BTreeMap<(&str, &'static str), (u64, i64, i64)> = BTreeMap::new();
    let mut keys = HashSet::new();
    for chosen in chosen {
        let record = &chosen.letter.record;
        let place = (chosen.partition, record.offset);
        if let Some(key) = record.key {
            keys.insert((chosen.partition, key));
        }
        if verb == Verb::Replay
            && let Some(ahead) = chosen.ahead
        {
            // Whether the letter before it is on its way as well or not, this one comes after it; held ones need no command for that.
            let moves = places.contains(&(chosen.partition, ahead.record.offset));
            if !moves {
                let id = |offset: Offset| letter_id(group, &source, chosen.partition, offset.0);
                plan.followers += 1;
                if plan.waiting.len() < NAMED {
                    plan.waiting.push(Follower {
                        letter_id: id(record.offset),
                        partition: chosen.partition,
                        offset: record.offset.0,
                        waits_for: Ahead { letter_id: id(ahead.record.offset), offset: ahead.record.offset.0 },
                    });
                }
            }
            if record.state == LetterState::Held {
                if moves {
                    plan.followers += 1;
                    plan.awaited.add(place.0, place.1, record.state, record.replays);
                }
                continue;
            }
        }
        let fold = ledger.fold(chosen.partition);
        if verb == Verb::Stop {
            if fold.is_some_and(|fold| fold.wanted(chosen.letter).next().is_some()) {
                plan.letters += 1;
                plan.asks.push((place.0, place.1, record.replays));
            }
            continue;
        }
        if fold.is_some_and(|fold| fold.wanted(chosen.letter).any(|wanted| wanted.command.verb == verb)) {
            plan.asked_before += 1;
            plan.awaited.add(place.0, place.1, record.state, record.replays);
            continue;
        }
        if verb == Verb::Replay && !force && record.replays >= most {
            plan.past_max_replays += 1;
            continue;
        }
        plan.letters += 1;
        plan.asks.push((place.0, place.1, record.replays));
        plan.awaited.add(place.0, place.1, record.state, record.replays);
        let since = chosen.letter.since;
        let cause = causes.entry((&record.fingerprint, reason_text(record.reason))).or_insert((0, since, since));
        *cause = (cause.0 + 1, cause.1.min(since), cause.2.max(since));
    }
    let behind = |(partition, letter): &(i32, &onceward::ledger::Letter)| {
        letter.record.state == LetterState::Held
            && letter.record.key.is_some_and(|key| keys.contains(&(*partition, key)))
            && !places.contains(&(*partition, letter.record.offset))
    };
    if verb != Verb::Stop {
        plan.released = ledger.letters().filter(behind).count() as u64;
    }
    plan.causes = causes
        .into_iter()
        .map(|((fingerprint, reason), (count, first, last))| Cause {
            fingerprint: fingerprint.to_owned(),
            reason,
            count,
            first: rfc3339(first),
            last: rfc3339(last),
        })
        .collect();
    plan.causes.sort_by_key(|cause| std::cmp::Reverse(cause.count));
    plan
}
