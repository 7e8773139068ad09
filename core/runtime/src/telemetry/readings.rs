//! The numbers as others read them: one table, from which both the Prometheus text and OTLP are made.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use onceward_engine::Dependency;

use super::Metrics;
use super::metrics::Unsettled;
use super::names::{attribute, metric};

/// One metric with its present values.
#[derive(Debug)]
pub(super) struct Reading {
    /// Without `onceward_`, and without the unit and `_total`, which the format appends.
    pub(super) prometheus: &'static str,
    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub(super) otlp: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: Unit,
    pub(super) help: &'static str,
    pub(super) points: Vec<Point>,
}

/// Whether a number only rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// In braces, as UCUM wants it for things.
    Of(&'static str),
    Seconds,
    Bytes,
}

/// One value with its labels.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) labels: Vec<(Label, String)>,
    pub(super) value: f64,
}

/// What tells points of one metric apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Topic,
    Reason,
}

impl Label {
    pub(super) fn prometheus(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Reason => "reason",
        }
    }

    #[cfg_attr(not(feature = "otlp"), allow(dead_code))]
    pub(super) fn otlp(self) -> &'static str {
        match self {
            Self::Topic => attribute::DESTINATION,
            Self::Reason => attribute::REASON,
        }
    }
}

const EVENT: Unit = Unit::Of("{event}");
const PARTITION: Unit = Unit::Of("{partition}");

impl Metrics {
    /// All of it, as of now.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let mut all = Vec::with_capacity(32);
        let mut add = |kind, unit, (prometheus, otlp), help, points| {
            all.push(Reading { prometheus, otlp, kind, unit, help, points });
        };
        let counters: [(_, _, _, &AtomicU64); 13] = [
            (EVENT, ("events_handled", "onceward.events_handled"), "Events handled and durably marked", &self.handled),
            (EVENT, ("duplicates", "onceward.duplicates"), "Copies of handled events that were dropped", &self.duplicates),
            (EVENT, ("events_ignored", "onceward.events_ignored"), "Events that no handler wanted", &self.ignored),
            (
                EVENT,
                ("events_abandoned", "onceward.events_abandoned"),
                "Events given back unresolved with their partition",
                &self.abandoned,
            ),
            (Unit::Of("{attempt}"), ("attempts", "onceward.attempts"), "Handler calls that ended", &self.attempts),
            (
                Unit::Of("{attempt}"),
                ("retries", "onceward.retries"),
                "Of them, those that were not the first of their event",
                &self.retries,
            ),
            (Unit::Of("{attempt}"), ("failed_attempts", "onceward.failed_attempts"), "Handler calls that failed", &self.failed_attempts),
            (
                EVENT,
                ("identity_conflicts", "onceward.identity_conflicts"),
                "Ids that came again with other bytes",
                &self.identity_conflicts,
            ),
            (Unit::Of("{offset}"), ("gap_offsets", "onceward.gaps"), "Offsets deleted by the broker before they were read", &self.gaps),
            (Unit::Of("{transaction}"), ("inbox_commits", "onceward.inbox_commits"), "Transactions of the inbox", &self.inbox_commits),
            (EVENT, ("inbox_reads", "onceward.inbox_reads"), "Look-ups that had to read the store", &self.inbox_reads),
            (Unit::Of("{outage}"), ("breaker_opened", "onceward.breaker_opened"), "How often a breaker opened", &self.breaker_opened),
            (Unit::Of("{span}"), ("spans_dropped", "onceward.spans_dropped"), "Spans that could not be sent", &self.spans_dropped),
        ];
        for (unit, names, help, counter) in counters {
            add(Kind::Counter, unit, names, help, one(counter.load(Ordering::Relaxed)));
        }
        let seconds = self.inbox_commit_micros.load(Ordering::Relaxed);
        let help = "Time spent in transactions of the inbox";
        add(Kind::Counter, Unit::Seconds, ("inbox_write", "onceward.inbox_write_seconds"), help, real(float(seconds) / 1e6));
        let letter = |((topic, reason), count): (&(Arc<str>, &str), &u64)| Point {
            labels: vec![(Label::Topic, topic.to_string()), (Label::Reason, (*reason).to_owned())],
            value: float(*count),
        };
        let letters = self.letters().iter().map(letter).collect();
        add(Kind::Counter, EVENT, ("dead_letters", "onceward.dead_letters"), "Events in the dead-letter topic", letters);
        let consumed = self.consumed().iter().map(|(topic, records)| of_topic(topic, float(*records))).collect();
        add(Kind::Counter, Unit::Of("{message}"), ("records_consumed", metric::CONSUMED), "Records taken from the broker", consumed);
        let paused = [
            ("inbox", self.is_paused(Dependency::Inbox)),
            ("producer", self.is_paused(Dependency::Producer)),
            ("outbox", self.is_paused(Dependency::Outbox)),
            ("breaker", self.paused_by_breaker.load(Ordering::Relaxed)),
            ("request", self.paused_by_request.load(Ordering::Relaxed)),
            ("registry", self.is_paused_by_registry()),
            ("brokers", self.are_brokers_down()),
        ];
        let paused = paused.map(|(reason, paused)| Point { labels: vec![(Label::Reason, reason.to_owned())], value: f64::from(paused) });
        let help = "1 while something is not handled for this reason";
        add(Kind::Gauge, Unit::Of("1"), ("paused", "onceward.paused"), help, paused.into());
        let lag = self.lag().iter().map(|(topic, records)| of_topic(topic, float(*records))).collect();
        let help = "Records of assigned partitions that are not resolved yet";
        add(Kind::Gauge, Unit::Of("{message}"), ("lag_records", "onceward.lag"), help, lag);
        let now = Instant::now();
        let stand = |since: &Instant| now.saturating_duration_since(*since).as_secs_f64();
        // A topic whose records are all resolved stands for no time at all: a line that comes and goes could not be alerted on.
        let since = self.standing_since();
        let ages = self.lag().keys().map(|topic| of_topic(topic, since.get(topic).map_or(0.0, stand))).collect();
        let help = "How long the commit watermark has not moved although records before it are unresolved";
        add(Kind::Gauge, Unit::Seconds, ("watermark_age", "onceward.watermark_age"), help, ages);
        let unsettled = self.unsettled();
        let letters = |what: fn(&Unsettled) -> u64| unsettled.iter().map(|(topic, stand)| of_topic(topic, float(what(stand)))).collect();
        let (letter, names) = (Unit::Of("{letter}"), ("open_letters", "onceward.open_letters"));
        add(Kind::Gauge, letter, names, "Dead letters that wait for a person", letters(|stand| stand.open));
        let names = ("held_letters", "onceward.held_letters");
        add(Kind::Gauge, letter, names, "Dead letters that wait behind one of their key", letters(|stand| stand.held));
        let names = ("held_keys", "onceward.held_keys");
        add(Kind::Gauge, Unit::Of("{key}"), names, "Keys whose later events wait behind a dead letter", letters(|stand| stand.held_keys));
        let left = |(topic, stand): (&Arc<str>, &Unsettled)| Some(of_topic(topic, seconds_until(stand.deleted_at?)));
        let left = unsettled.iter().filter_map(left).collect();
        let names = ("letter_deletion", "onceward.letter_deletion");
        add(Kind::Gauge, Unit::Seconds, names, "Time until the broker may delete the oldest letter that is not settled", left);
        let gauges: [(_, _, _, &AtomicI64); 12] = [
            (EVENT, ("in_flight", "onceward.in_flight"), "Records in memory", &self.in_flight),
            (Unit::Bytes, ("in_flight", "onceward.in_flight_bytes"), "Bytes of records in memory", &self.in_flight_bytes),
            (EVENT, ("waiting", "onceward.waiting"), "Events waiting for another attempt", &self.waiting),
            (Unit::Of("{handler}"), ("running_handlers", "onceward.running_handlers"), "Handlers (runs) in flight", &self.running),
            (
                Unit::Of("{handler}"),
                ("stuck_handlers", "onceward.stuck_handlers"),
                "Handlers past their timeout that can't be stopped",
                &self.stuck,
            ),
            (
                Unit::Of("{topic}"),
                ("topics_left_out", "onceward.topics_left_out"),
                "Topics that a pattern matches and that can't be consumed",
                &self.topics_left_out,
            ),
            (
                Unit::Of("{letter}"),
                ("stranded_letters", "onceward.stranded_letters"),
                "Dead letters that the broker refuses; they are tried again",
                &self.stranded,
            ),
            (PARTITION, ("partitions", "onceward.partitions"), "Partitions assigned", &self.partitions),
            (
                PARTITION,
                ("partitions_paused", "onceward.partitions_paused"),
                "Partitions that are not fetched from for now",
                &self.partitions_paused,
            ),
            (PARTITION, ("partitions_halted", "onceward.partitions_halted"), "Partitions halted by an alert", &self.halted),
            (EVENT, ("inbox_marks", "onceward.inbox_marks"), "Ids marked and not expired", &self.inbox_marks),
            (
                EVENT,
                ("outbox_pending", "onceward.outbox_pending"),
                "Events published by handlers that are not acknowledged yet",
                &self.outbox_pending,
            ),
        ];
        for (unit, names, help, gauge) in gauges {
            add(Kind::Gauge, unit, names, help, one(u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or(0)));
        }
        let oldest = age_seconds(self.outbox_oldest.load(Ordering::Relaxed));
        let names = ("outbox_oldest", "onceward.outbox_oldest");
        add(Kind::Gauge, Unit::Seconds, names, "Age of the oldest event in the outbox", real(oldest));
        all
    }
}

fn one(value: u64) -> Vec<Point> {
    real(float(value))
}

fn real(value: f64) -> Vec<Point> {
    vec![Point { labels: Vec::new(), value }]
}

fn of_topic(topic: &str, value: f64) -> Point {
    Point { labels: vec![(Label::Topic, topic.to_owned())], value }
}

/// Both formats carry counts as floats in the end; they are exact up to 2⁵³.
#[allow(clippy::cast_precision_loss, reason = "no counter of a process comes near 53 bits")]
fn float(value: u64) -> f64 {
    value as f64
}

/// How long it is until a moment in milliseconds since 1970; negative: it is past.
#[allow(clippy::cast_precision_loss, reason = "a span in milliseconds needs no more than 53 bits")]
fn seconds_until(moment: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    moment.saturating_sub(now) as f64 / 1e3
}

/// How old something is that was written then; 0: there is nothing.
#[allow(clippy::cast_precision_loss, reason = "an age in milliseconds needs no more than 53 bits")]
fn age_seconds(written: i64) -> f64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    if written == 0 { 0.0 } else { age.saturating_sub(written).max(0) as f64 / 1e3 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn letters_are_told_by_topic_and_their_end_only_where_there_is_one() {
        let metrics = Metrics::default();
        let some = Unsettled { open: 3, held: 20, held_keys: 2, deleted_at: Some(1_000) };
        metrics.letters_stand([("orders".into(), some), ("kept".into(), Unsettled::default())].into());
        let text = metrics.prometheus();
        for line in [
            "onceward_open_letters{topic=\"orders\"} 3",
            "onceward_held_letters{topic=\"orders\"} 20",
            "onceward_held_keys{topic=\"orders\"} 2",
            "onceward_open_letters{topic=\"kept\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
        assert!(text.contains("onceward_letter_deletion_seconds{topic=\"orders\"} -"), "{text}");
        assert!(!text.contains("onceward_letter_deletion_seconds{topic=\"kept\"}"), "{text}");
    }
}
