//! Validates how the events of a topic are treated.

use std::time::Duration;

use onceward_engine as engine;

use super::check::Check;
use super::raw::{self, Topic};
use super::settings::{AfterDeadLetter, TopicRules};
use super::{breaker, registry, source};
use crate::kafka;

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Lays what a table says over what holds without it. Only what the table itself says can be its problem.
pub(super) fn rules(check: &mut Check, path: &str, topic: &Topic, base: &TopicRules) -> TopicRules {
    let mut rules = base.clone();
    let policy = &mut rules.policy;
    if let Some(order) = topic.order {
        policy.order = match order {
            raw::Order::Key => engine::Order::Key,
            raw::Order::Partition => engine::Order::Partition,
            raw::Order::None => engine::Order::None,
        };
    }
    if let Some(null_keys) = topic.null_keys {
        policy.null_keys = match null_keys {
            raw::NullKeys::Parallel => engine::NullKeys::Parallel,
            raw::NullKeys::Serial => engine::NullKeys::Serial,
        };
    }
    if let Some(on_conflict) = topic.on_conflict {
        policy.on_conflict = match on_conflict {
            raw::OnConflict::DeadLetter => engine::OnConflict::DeadLetter,
            raw::OnConflict::Duplicate => engine::OnConflict::Duplicate,
        };
    }
    if let Some(on_rewind) = topic.on_rewind {
        policy.on_rewind = match on_rewind {
            raw::OnRewind::Stop => engine::OnRewind::Stop,
            raw::OnRewind::Reprocess => engine::OnRewind::Reprocess,
            raw::OnRewind::Skip => engine::OnRewind::Skip,
        };
    }
    if let Some(on_gap) = topic.on_gap {
        policy.on_gap = match on_gap {
            raw::OnGap::Stop => engine::OnGap::Stop,
            raw::OnGap::Continue => engine::OnGap::Continue,
        };
    }
    check.number(path, "run_length", topic.run_length, 1..=65_536, &mut policy.run_length);
    if let Some(retry) = &topic.retry {
        backoff(check, &format!("{path}.retry"), retry, &mut policy.backoff);
    }
    let mut timeout = policy.handler_timeout.unwrap_or(60_000);
    check.millis(path, "handler_timeout", topic.handler_timeout.as_ref(), MILLISECOND.saturating_mul(10)..=DAY, &mut timeout);
    policy.handler_timeout = Some(timeout);
    if let Some(written) = &topic.breaker {
        rules.breaker = breaker::rules(check, &format!("{path}.breaker"), written, &rules.breaker);
        policy.breaker = written.enabled.unwrap_or(policy.breaker.is_some()).then_some(rules.breaker);
    }
    if let Some(scope) = topic.dedup_scope {
        rules.scope = match scope {
            raw::DedupScope::Topic => kafka::DedupScope::Topic,
            raw::DedupScope::Group => kafka::DedupScope::Group,
        };
    }
    check.text(path, "order_key", topic.order_key.as_deref(), source::order_key, &mut rules.order_key);
    check.text(path, "event_id", topic.event_id.as_deref(), source::identity, &mut rules.identity);
    check.text(path, "event_type", topic.event_type.as_deref(), source::event_type, &mut rules.event_type);
    if let Some(unrouted) = topic.unrouted_type {
        rules.unrouted = match unrouted {
            raw::UnroutedType::DeadLetter => kafka::Unrouted::DeadLetter,
            raw::UnroutedType::Ignore => kafka::Unrouted::Ignore,
            raw::UnroutedType::Stop => kafka::Unrouted::Stop,
        };
    }
    if let Some(written) = &topic.schema {
        rules.schema = Some(registry::schema(check, &format!("{path}.schema"), written));
    }
    if let Some(rate) = topic.max_rate {
        rules.policy.max_rate = rate_of(check, path, rate);
    }
    if let Some(names) = &topic.fatal {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| name.trim().is_empty()) {
            check.refuse(
                format!("{path}.fatal[{index}]"),
                format!("{name:?} is not the name of a type; write it as the language does, as ValueError"),
            );
        }
        rules.fatal.clone_from(names);
    }
    if let Some(after) = topic.after_dead_letter {
        rules.after_dead_letter = match after {
            raw::AfterDeadLetter::Continue => AfterDeadLetter::Continue,
            raw::AfterDeadLetter::Hold => AfterDeadLetter::Hold,
        };
        rules.policy.hold = rules.after_dead_letter == AfterDeadLetter::Hold;
    }
    if let Some(most) = topic.max_replays {
        rules.policy.max_replays = most;
    }
    rules
}

/// Events per second, in the engine's thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range that was checked")]
fn rate_of(check: &mut Check, path: &str, rate: f64) -> Option<u32> {
    if (0.001..=1_000_000.0).contains(&rate) {
        return Some((rate * 1_000.0).round() as u32);
    }
    check.refuse(format!("{path}.max_rate"), format!("{rate} is not between 0.001 and 1000000 events per second"));
    None
}

fn backoff(check: &mut Check, path: &str, retry: &raw::Retry, backoff: &mut engine::Backoff) {
    let before = check.count();
    check.number(path, "attempts", retry.attempts, 1..=1_000, &mut backoff.attempts);
    check.millis(path, "first", retry.first.as_ref(), MILLISECOND..=DAY, &mut backoff.first);
    check.hundredths(path, "factor", retry.factor, 1.0..=100.0, &mut backoff.factor_percent);
    check.millis(path, "max", retry.max.as_ref(), MILLISECOND..=DAY.saturating_mul(7), &mut backoff.max);
    check.millis(path, "total", retry.total.as_ref(), MILLISECOND..=DAY.saturating_mul(30), &mut backoff.total);
    check.hundredths(path, "jitter", retry.jitter, 0.0..=1.0, &mut backoff.jitter_percent);
    if check.count() > before {
        return; // Comparing fields that are wrong by themselves would only blame the innocent ones.
    }
    let show = |millis| super::format_duration(Duration::from_millis(millis));
    for (name, longest, written) in [("max", backoff.max, retry.max.is_some()), ("total", backoff.total, retry.total.is_some())] {
        if longest < backoff.first {
            // Blame the field that was written: the other one is a default that nobody chose.
            let (blamed, other, value) = if written { (name, "first", backoff.first) } else { ("first", name, longest) };
            let relation = if written { "at least" } else { "at most" };
            check.refuse(format!("{path}.{blamed}"), format!("must be {relation} `{other}`, which is {}", show(value)));
        }
    }
}

/// The table that means these rules.
pub(super) fn write(rules: &TopicRules) -> Topic {
    let policy = &rules.policy;
    let duration = |millis| Duration::from_millis(millis).into();
    Topic {
        order: Some(match policy.order {
            engine::Order::Key => raw::Order::Key,
            engine::Order::Partition => raw::Order::Partition,
            engine::Order::None => raw::Order::None,
        }),
        order_key: Some(source::write_order_key(&rules.order_key)),
        null_keys: Some(match policy.null_keys {
            engine::NullKeys::Parallel => raw::NullKeys::Parallel,
            engine::NullKeys::Serial => raw::NullKeys::Serial,
        }),
        event_id: Some(source::write_identity(&rules.identity)),
        dedup_scope: Some(match rules.scope {
            kafka::DedupScope::Topic => raw::DedupScope::Topic,
            kafka::DedupScope::Group => raw::DedupScope::Group,
        }),
        on_conflict: Some(match policy.on_conflict {
            engine::OnConflict::DeadLetter => raw::OnConflict::DeadLetter,
            engine::OnConflict::Duplicate => raw::OnConflict::Duplicate,
        }),
        on_rewind: Some(match policy.on_rewind {
            engine::OnRewind::Stop => raw::OnRewind::Stop,
            engine::OnRewind::Reprocess => raw::OnRewind::Reprocess,
            engine::OnRewind::Skip => raw::OnRewind::Skip,
        }),
        on_gap: Some(match policy.on_gap {
            engine::OnGap::Stop => raw::OnGap::Stop,
            engine::OnGap::Continue => raw::OnGap::Continue,
        }),
        run_length: Some(policy.run_length),
        retry: Some(raw::Retry {
            attempts: Some(policy.backoff.attempts),
            first: Some(duration(policy.backoff.first)),
            factor: Some(f64::from(policy.backoff.factor_percent) / 100.0),
            max: Some(duration(policy.backoff.max)),
            total: Some(duration(policy.backoff.total)),
            jitter: Some(f64::from(policy.backoff.jitter_percent) / 100.0),
        }),
        handler_timeout: policy.handler_timeout.map(duration),
        breaker: Some(breaker::write(&rules.breaker, policy.breaker.is_some())),
        event_type: Some(source::write_event_type(&rules.event_type)),
        unrouted_type: Some(match rules.unrouted {
            kafka::Unrouted::DeadLetter => raw::UnroutedType::DeadLetter,
            kafka::Unrouted::Ignore => raw::UnroutedType::Ignore,
            kafka::Unrouted::Stop => raw::UnroutedType::Stop,
        }),
        schema: rules.schema.as_ref().map(registry::write),
        max_rate: policy.max_rate.map(|rate| f64::from(rate) / 1_000.0),
        fatal: Some(rules.fatal.clone()),
        max_replays: Some(policy.max_replays),
        after_dead_letter: Some(match rules.after_dead_letter {
            AfterDeadLetter::Continue => raw::AfterDeadLetter::Continue,
            AfterDeadLetter::Hold => raw::AfterDeadLetter::Hold,
        }),
    }
}
