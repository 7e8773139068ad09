//! How far the run has come: for the metrics, and for the person who watches a run until the end.

use std::collections::{BTreeMap, HashMap};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use onceward_engine::{Offset, PartitionId, Standing, Timestamp};

use super::Driver;
use crate::telemetry::Metrics;

/// Time between two looks, in milliseconds: partitions may be many, and turns are thousands a second.
const INTERVAL: u64 = 100;

/// When the numbers were last looked at, and who watches.
#[derive(Default)]
pub(crate) struct Progress {
    /// Not before this.
    next: Timestamp,
    /// Something happened since the last look.
    stale: bool,
    bar: Option<ProgressBar>,
    /// Commit watermarks that have unresolved records behind them, and since when they stand.
    standing: HashMap<PartitionId, (Offset, Instant)>,
    /// Records taken in, by partition.
    consumed: Vec<u64>,
}

/// Sums over partitions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Records left, by topic.
    lag: BTreeMap<Arc<str>, u64>,
    /// Records from where reading began to the newest one.
    total: u64,
    /// Those of them that are resolved, or were never there: offsets have holes.
    done: u64,
    paused: u64,
}

impl Sums {
    fn add(&mut self, topic: &Arc<str>, from: Offset, newest: Offset, standing: Standing) {
        let length = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        let (position, unresolved) = (standing.position.0, u64::from(standing.unresolved));
        *self.lag.entry(Arc::clone(topic)).or_default() += length(position, newest.0).saturating_add(unresolved);
        self.total = self.total.saturating_add(length(from.0, newest.0.max(position)));
        self.done = self.done.saturating_add(length(from.0, position).saturating_sub(unresolved));
        self.paused += u64::from(standing.paused);
    }
}

impl Progress {
    /// With a bar on stderr, if that is a terminal.
    pub(crate) fn new(watched: bool) -> Self {
        let bar = (watched && std::io::stderr().is_terminal())
            .then(|| styled(ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr())));
        Self::with(bar)
    }

    fn with(bar: Option<ProgressBar>) -> Self {
        let mut progress = Self::default();
        progress.bar = bar;
        progress
    }

    /// When to wake for another look, if the numbers have changed since the last one.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Duration> {
        self.stale.then(|| Duration::from_millis(self.next.0.saturating_sub(now.0)))
    }

    /// One record was taken in.
    pub(crate) fn consumed(&mut self, partition: PartitionId) {
        let index = partition.0 as usize;
        if self.consumed.len() <= index {
            self.consumed.resize(index + 1, 0);
        }
        self.consumed[index] += 1;
    }

    fn draw(&self, sums: &Sums, metrics: &Metrics) {
        if let Some(bar) = &self.bar {
            bar.set_length(sums.total);
            bar.set_position(sums.done);
            bar.set_message(beside(metrics.waiting(), metrics.summary().dead_letters));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

/// Where a watermark with unresolved records behind it stands, and since when.
fn stands(before: Option<&(Offset, Instant)>, standing: Standing, now: Instant) -> Option<(Offset, Instant)> {
    let since = before.filter(|before| before.0 == standing.watermark).map_or(now, |before| before.1);
    (standing.unresolved > 0).then_some((standing.watermark, since))
}

fn styled(bar: ProgressBar) -> ProgressBar {
    // A template that does not parse would leave the default style, which is no reason to fail.
    match ProgressStyle::with_template("{wide_bar} {human_pos}/{human_len}  {per_sec:.0}  {eta}{msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What a person should know beside the bar; nothing when all is well.
fn beside(waiting: u64, letters: u64) -> String {
    let mut text = String::new();
    for (count, what) in [(waiting, "waiting for another attempt"), (letters, "dead letters")] {
        if count > 0 {
            text += &format!("  {count} {what}");
        }
    }
    text
}

impl Driver {
    /// Looks at the numbers, if it is time. Once an ending has begun the bar stands: partitions that are given back would shorten it.
    pub(crate) fn observe(&mut self) {
        self.metrics.observe(&self.snapshot(), &self.inbox.stats());
        let now = self.clock.now();
        let (ends, ending) = (self.ending.due(), self.ending.begun());
        if now < self.progress.next && !ends {
            self.progress.stale = true;
            return;
        }
        self.progress.stale = false;
        self.progress.next = now.after(INTERVAL);
        let mut sums = Sums::default();
        let (clock, mut oldest) = (Instant::now(), BTreeMap::<Arc<str>, Instant>::new());
        let before = std::mem::take(&mut self.progress.standing);
        for (partition, _) in self.partitions.live() {
            if let (Some(entry), Some(standing)) = (self.partitions.get(partition), self.engine.standing(partition)) {
                sums.add(&entry.name.topic, entry.from, entry.newest, standing);
                if let Some(stands) = stands(before.get(&partition), standing, clock) {
                    let first = oldest.entry(Arc::clone(&entry.name.topic)).or_insert(stands.1);
                    *first = stands.1.min(*first);
                    self.progress.standing.insert(partition, stands);
                }
            }
        }
        self.metrics.progress(&sums.lag, sums.paused);
        let mut consumed: BTreeMap<String, u64> = BTreeMap::new();
        for (records, partition) in self.progress.consumed.iter().zip((0..=u32::MAX).map(PartitionId)) {
            if let Some(name) = self.partitions.name(partition) {
                *consumed.entry(name.topic.to_string()).or_default() += records;
            }
        }
        self.metrics.standing(oldest, consumed);
        if ends || !ending {
            self.progress.draw(&sums, &self.metrics);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_is_not_resolved_up_to_the_newest_record() {
        let (orders, payments): (Arc<str>, Arc<str>) = ("orders".into(), "payments".into());
        let mut sums = Sums::default();
        sums.add(
            &orders,
            Offset(100),
            Offset(200),
            Standing { position: Offset(150), watermark: Offset(130), unresolved: 20, paused: true },
        );
        sums.add(&orders, Offset(0), Offset(10), Standing { position: Offset(0), watermark: Offset(0), unresolved: 0, paused: false });
        // Read past what was the newest record when the partition was assigned.
        sums.add(&payments, Offset(0), Offset(5), Standing { position: Offset(7), watermark: Offset(6), unresolved: 1, paused: false });
        assert_eq!(sums, Sums { lag: [(orders, 80), (payments, 1)].into(), total: 117, done: 36, paused: 1 });
    }

    #[test]
    fn a_watermark_stands_while_records_behind_it_are_unresolved() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let standing = |watermark, unresolved| Standing { position: Offset(9), watermark: Offset(watermark), unresolved, paused: false };
        let mut last = None;
        let mut look = |watermark, unresolved, seconds| {
            last = stands(last.as_ref(), standing(watermark, unresolved), at(seconds));
            last.map(|(_, since)| since)
        };
        assert_eq!(look(3, 2, 0), Some(at(0)));
        assert_eq!(look(3, 1, 5), Some(at(0)), "others are resolved, this one is not");
        assert_eq!(look(4, 1, 6), Some(at(6)), "it moved");
        assert_eq!(look(9, 0, 7), None);
        assert_eq!(look(9, 1, 99), Some(at(99)), "nothing stood in between");
    }

    #[test]
    fn a_healthy_run_has_nothing_beside_its_bar() {
        assert_eq!(beside(0, 0), "");
        assert_eq!(beside(3, 1), "  3 waiting for another attempt  1 dead letters");
    }

    #[test]
    fn the_bar_follows_the_sums() {
        let progress = Progress::with(Some(styled(ProgressBar::hidden())));
        progress.draw(&Sums { total: 117, done: 36, ..Sums::default() }, &Metrics::default());
        let bar = progress.bar.as_ref().map(|bar| (bar.length(), bar.position()));
        assert_eq!(bar, Some((Some(117), 36)));
    }
}
