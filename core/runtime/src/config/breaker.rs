//! Validates when failures are taken for an outage.

use std::time::Duration;

use onceward_engine::BreakerRules;

use super::check::Check;
use super::raw::Breaker;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Lays what a table says over the rules that hold without it, whether the topic has a breaker or not: one that is off may be turned on
/// by another table, and then goes by them.
pub(super) fn rules(check: &mut Check, path: &str, written: &Breaker, base: &BreakerRules) -> BreakerRules {
    let before = check.count();
    let mut rules = *base;
    check.hundredths(path, "failing", written.failing, 0.6..=0.99, &mut rules.percent);
    check.number(path, "events", written.events, 1..=65_536, &mut rules.events);
    check.number(path, "keys", written.keys, 1..=65_536, &mut rules.keys);
    check.millis(path, "time", written.time.as_ref(), Duration::ZERO..=HOUR, &mut rules.time);
    check.millis(path, "probe", written.probe.as_ref(), MILLISECOND.saturating_mul(10)..=HOUR, &mut rules.probe);
    check.number(path, "successes", written.successes, 1..=1_000, &mut rules.successes);
    check.millis(path, "limit", written.limit.as_ref(), SECOND..=HOUR.saturating_mul(24 * 7), &mut rules.limit);
    if check.count() == before && rules.keys > rules.events {
        let (blamed, relation, other, value) =
            if written.keys.is_some() { ("keys", "at most", "events", rules.events) } else { ("events", "at least", "keys", rules.keys) };
        check.refuse(format!("{path}.{blamed}"), format!("must be {relation} `{other}`, which is {value}: an event has one key"));
    }
    rules
}

/// The table that means these rules.
pub(super) fn write(rules: &BreakerRules, enabled: bool) -> Breaker {
    let duration = |millis| Some(Duration::from_millis(millis).into());
    Breaker {
        enabled: Some(enabled),
        failing: Some(f64::from(rules.percent) / 100.0),
        events: Some(rules.events),
        keys: Some(rules.keys),
        time: duration(rules.time),
        probe: duration(rules.probe),
        successes: Some(rules.successes),
        limit: duration(rules.limit),
    }
}
