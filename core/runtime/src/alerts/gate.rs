//! Which alerts are due: at once for a new cause, then one per interval with the number of letters since. Time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::summary::News;

/// Causes that are remembered. Beyond it the one that was quiet for the longest is forgotten, and is new when it comes back.
const CAUSES: usize = 10_000;

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    /// The latest of the cause.
    pub(super) news: News,
    /// How many since the last alert of this cause.
    pub(super) count: u64,
    /// It is the first one of this cause.
    pub(super) first: bool,
}

struct Cause {
    waiting: Option<Alert>,
    /// When an alert of it was sent.
    sent: Option<Instant>,
    /// Whether one ever was.
    told: bool,
    heard: Instant,
}

/// What is due by cause.
pub(super) struct Gate {
    every: Duration,
    causes: BTreeMap<(&'static str, String, String), Cause>,
}

impl Gate {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, causes: BTreeMap::new() }
    }

    /// One more.
    pub(super) fn add(&mut self, now: Instant, news: News) {
        self.put(now, Alert { news, count: 1, first: false }, false);
    }

    /// An alert that could not be sent: it is as if it had not been taken.
    pub(super) fn put_back(&mut self, now: Instant, alert: Alert) {
        self.put(now, alert, true);
    }

    fn put(&mut self, now: Instant, alert: Alert, again: bool) {
        let key = alert.news.cause();
        if !self.causes.contains_key(&key) && self.causes.len() >= CAUSES {
            self.forget_one();
        }
        let cause = self.causes.entry(key).or_insert(Cause { waiting: None, sent: None, told: false, heard: now });
        cause.heard = now;
        if again {
            // When it is tried again is the sender's affair.
            cause.sent = None;
            cause.told &= !alert.first;
        }
        match &mut cause.waiting {
            Some(waiting) => {
                waiting.count = waiting.count.saturating_add(alert.count);
                // What is put back is older than what has come since.
                if !again {
                    waiting.news = alert.news;
                }
            }
            None => cause.waiting = Some(alert),
        }
    }

    /// The next alert that is due. It counts as sent.
    pub(super) fn take(&mut self, now: Instant) -> Option<Alert> {
        let every = self.every;
        let due =
            |cause: &&mut Cause| cause.waiting.is_some() && cause.sent.is_none_or(|sent| now.saturating_duration_since(sent) >= every);
        let cause = self.causes.values_mut().find(due)?;
        let first = !cause.told;
        (cause.sent, cause.told) = (Some(now), true);
        cause.waiting.take().map(|alert| Alert { first, ..alert })
    }

    /// Any alert that was not sent, due or not: nobody will be here later.
    pub(super) fn take_any(&mut self, now: Instant) -> Option<Alert> {
        self.take(now + self.every)
    }

    /// When the next one is due; `None`: nothing waits.
    pub(super) fn next(&self, now: Instant) -> Option<Duration> {
        let waiting = self.causes.values().filter(|cause| cause.waiting.is_some());
        waiting.map(|cause| cause.sent.map_or(Duration::ZERO, |sent| (sent + self.every).saturating_duration_since(now))).min()
    }

    /// Causes with an alert that was not sent.
    pub(super) fn waiting(&self) -> usize {
        self.causes.values().filter(|cause| cause.waiting.is_some()).count()
    }

    fn forget_one(&mut self) {
        let quiet = self.causes.iter().min_by_key(|(_, cause)| (cause.waiting.is_some(), cause.heard)).map(|(key, _)| key.clone());
        if let Some(key) = quiet {
            self.causes.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::super::DeadLetter;
    use super::*;

    fn letter(fingerprint: &str, offset: i64) -> News {
        replayed(fingerprint, offset, 0)
    }

    fn replayed(fingerprint: &str, offset: i64, replays: u32) -> News {
        News::Letter(DeadLetter {
            group: "billing".to_owned(),
            topic: "orders".to_owned(),
            partition: 0,
            offset,
            letter_id: String::new(),
            reason: "exhausted",
            fingerprint: fingerprint.to_owned(),
            error_type: String::new(),
            message: String::new(),
            correlation_id: String::new(),
            attempts: 5,
            replays,
        })
    }

    fn told(gate: &mut Gate, now: Instant) -> Vec<(i64, u64, bool)> {
        let offset = |news: &News| if let News::Letter(letter) = news { letter.offset } else { -1 };
        std::iter::from_fn(|| gate.take(now)).map(|alert| (offset(&alert.news), alert.count, alert.first)).collect()
    }

    #[test]
    fn a_new_cause_is_told_at_once_and_a_known_one_by_rate_with_its_count() {
        let minute = Duration::from_secs(60);
        let (mut gate, begin) = (Gate::new(minute), Instant::now());
        gate.add(begin, letter("a", 1));
        assert_eq!(told(&mut gate, begin), [(1, 1, true)]);
        gate.add(begin, letter("a", 2));
        gate.add(begin, letter("a", 3));
        gate.add(begin, letter("b", 4));
        assert_eq!(told(&mut gate, begin), [(4, 1, true)]);
        assert_eq!(gate.next(begin), Some(minute));
        assert_eq!(told(&mut gate, begin + minute), [(3, 2, false)]);
        assert_eq!(gate.next(begin + minute), None, "a quiet cause is not told again");
    }

    #[test]
    fn a_replay_that_fails_is_news_although_its_cause_is_known() {
        let (mut gate, begin) = (Gate::new(Duration::from_secs(60)), Instant::now());
        gate.add(begin, letter("a", 1));
        assert_eq!(told(&mut gate, begin), [(1, 1, true)]);
        gate.add(begin, replayed("a", 1, 1));
        assert_eq!(told(&mut gate, begin), [(1, 1, true)]);
        gate.add(begin, replayed("a", 1, 2));
        assert_eq!(told(&mut gate, begin), [], "and then by rate, as everything");
    }

    #[test]
    fn what_could_not_be_sent_waits_with_everything_that_came_since() {
        let (mut gate, begin) = (Gate::new(Duration::from_secs(60)), Instant::now());
        gate.add(begin, letter("a", 1));
        let failed = gate.take(begin).unwrap();
        gate.add(begin, letter("a", 2));
        gate.put_back(begin, failed);
        assert_eq!(told(&mut gate, begin), [(2, 2, true)]);
    }

    #[test]
    fn however_many_causes_there_are_memory_is_bounded() {
        let (mut gate, begin) = (Gate::new(Duration::from_secs(60)), Instant::now());
        for cause in 0..CAUSES + 10 {
            gate.add(begin, letter(&cause.to_string(), 0));
        }
        assert_eq!((gate.causes.len(), gate.waiting()), (CAUSES, CAUSES));
    }
}
