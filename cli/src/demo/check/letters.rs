//! One letter per cancelled flight, byte for byte, with everything that is needed to find out why.

use std::collections::{BTreeMap, HashMap, HashSet};

use onceward::wire::letter as names;
use onceward_flights::Flight;

use super::super::evidence::Evidence;
use super::super::failure::Failure;
use super::super::letters::Letter;
use super::super::numbers::len;
use super::super::send;
use super::{Cause, Check};

/// What the dead-letter topic says.
pub(super) struct Verdict {
    pub(super) distinct: u64,
    pub(super) written_again: u64,
    pub(super) causes: Vec<Cause>,
    pub(super) check: Check,
}

pub(super) fn judge(evidence: &Evidence) -> Result<Verdict, Failure> {
    let places = evidence.by_place();
    let mut by_id: HashMap<&str, &Letter> = HashMap::new();
    let mut flights = HashSet::new();
    let mut wrong: Vec<String> = Vec::new();
    for letter in &evidence.letters {
        let Some(sent) = letter.origin().and_then(|place| places.get(&place)) else {
            wrong.push(format!("letter {}/{} names no record that was sent", letter.partition, letter.offset));
            continue;
        };
        let flight = evidence.flight(sent);
        if let Some(problem) = problem(letter, flight)? {
            wrong.push(format!("the letter of {} {problem}", flight.id));
        }
        let id = letter.text(names::ID).unwrap_or_default();
        if by_id.insert(id, letter).is_none() && !flights.insert(sent.record.flight) {
            wrong.push(format!("{} has two letters with different ids", flight.id));
        }
    }
    let distinct = len(by_id.len());
    let cancelled = len(evidence.plan.cancelled);
    let detail = match wrong.first() {
        Some(first) => format!("{} wrong, such as: {first}", wrong.len()),
        None => format!("{distinct} of {cancelled} cancelled flights have one letter, byte for byte what was sent"),
    };
    Ok(Verdict {
        distinct,
        written_again: len(evidence.letters.len()).saturating_sub(distinct),
        causes: causes(by_id.into_values()),
        check: Check::new("dead letters", wrong.is_empty() && distinct == cancelled && len(flights.len()) == cancelled, detail),
    })
}

/// What is wrong with a letter, if anything is.
fn problem(letter: &Letter, flight: &Flight) -> Result<Option<String>, Failure> {
    if !flight.is_cancelled() {
        return Ok(Some("should not exist: the flight departed".to_owned()));
    }
    if letter.key.as_deref() != flight.tailnum.as_deref().map(str::as_bytes) || letter.value != Some(send::value(flight)?) {
        return Ok(Some("has another key or value than was sent".to_owned()));
    }
    let original = send::headers(flight);
    let kept = original.iter().zip(&letter.headers).all(|(sent, kept)| sent.0 == kept.0 && kept.1.as_deref() == Some(sent.1.as_bytes()));
    if !kept || letter.headers.len() < original.len() {
        return Ok(Some("has other headers in front than were sent".to_owned()));
    }
    let expected = [
        (names::REASON, "exhausted"),
        (names::EVENT_ID, flight.id.as_str()),
        (names::CORRELATION_ID, &flight.correlation_id()),
        (names::ATTEMPTS, "3"),
    ];
    for (name, value) in expected {
        if letter.text(name) != Some(value) {
            return Ok(Some(format!("says {name} = {:?} instead of {value:?}", letter.text(name))));
        }
    }
    let missing =
        [names::ID, names::FINGERPRINT, names::FIRST_FAILED_AT, names::LAST_FAILED_AT].into_iter().find(|name| letter.text(name).is_none());
    Ok(missing.map(|name| format!("has no header {name}")))
}

fn causes<'a>(letters: impl Iterator<Item = &'a Letter>) -> Vec<Cause> {
    let mut groups: BTreeMap<&str, (u64, &Letter)> = BTreeMap::new();
    for letter in letters {
        let group = groups.entry(letter.fingerprint()).or_insert((0, letter));
        group.0 += 1;
        // The oldest letter speaks for the group, whatever the order in which they were looked at.
        if (letter.at, letter.partition, letter.offset) < (group.1.at, group.1.partition, group.1.offset) {
            group.1 = letter;
        }
    }
    let mut causes: Vec<Cause> = groups
        .into_iter()
        .map(|(fingerprint, (count, sample))| Cause { fingerprint: fingerprint.to_owned(), count, sample: sample.message().to_owned() })
        .collect();
    causes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    causes
}
