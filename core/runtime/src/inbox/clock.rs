//! The inbox's time: never goes back, and follows the steady clock rather than the wall clock.
//!
//! Marks expire by time, so a wall clock that jumps must not delete them. The wall clock is asked once, at open; from then on the
//! inbox counts with the steady clock and only watches the other one.

use std::time::{Duration, Instant, SystemTime};

/// A jump of the wall clock against the steady one that is more than correction by NTP.
const JUMP_MS: i64 = 3_600_000;

/// Where an inbox takes its time from. Tests bring their own.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970, as the operating system believes.
    fn wall_ms(&self) -> i64;
    /// Milliseconds of a clock that never steps.
    fn steady_ms(&self) -> i64;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis)
    }

    fn steady_ms(&self) -> i64 {
        millis(self.start.elapsed())
    }
}

/// Time in buckets of an eighth of the retention. A bucket is named by its end.
#[derive(Debug)]
pub(crate) struct BucketTime {
    retention_ms: i64,
    bucket_ms: i64,
    base_ms: i64,
    base_steady_ms: i64,
    drift_ms: i64,
    suspended: bool,
}

impl BucketTime {
    /// Starts at the wall clock, or at the time that the store remembers if that is later.
    pub(crate) fn start(clock: &dyn Clock, retention: Duration, remembered_ms: i64) -> Self {
        Self::start_at(clock, retention, clock.wall_ms().max(remembered_ms))
    }

    /// Starts at a moment that somebody else names, whose clock several processes share.
    pub(crate) fn start_at(clock: &dyn Clock, retention: Duration, now_ms: i64) -> Self {
        let retention_ms = millis(retention).clamp(8, i64::MAX / 4);
        let wall = clock.wall_ms();
        let steady = clock.steady_ms();
        Self {
            retention_ms,
            bucket_ms: retention_ms / 8,
            base_ms: now_ms,
            base_steady_ms: steady,
            drift_ms: wall.saturating_sub(steady),
            suspended: false,
        }
    }

    /// Looks at both clocks; answers the inbox's time.
    pub(crate) fn look(&mut self, clock: &dyn Clock) -> i64 {
        let steady = clock.steady_ms();
        let drift = clock.wall_ms().saturating_sub(steady);
        self.suspended = drift.saturating_sub(self.drift_ms).saturating_abs() > JUMP_MS;
        if !self.suspended {
            // A slow drift is no jump: follow it, so that years of NTP corrections do not add up to one.
            self.drift_ms = drift;
        }
        self.base_ms.saturating_add(steady.saturating_sub(self.base_steady_ms).max(0))
    }

    /// The end of the bucket that a moment falls into.
    pub(crate) fn bucket(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(now_ms.rem_euclid(self.bucket_ms)).saturating_add(self.bucket_ms)
    }

    /// Buckets that end at this moment or before hold nothing but expired marks; `None` while the wall clock can't be trusted.
    pub(crate) fn expired_until(&self, now_ms: i64) -> Option<i64> {
        (!self.suspended).then(|| now_ms.saturating_sub(self.retention_ms))
    }

    /// Whether the wall clock jumped by more than an hour and expiry waits until it is back (or the process starts again).
    pub(crate) fn suspended(&self) -> bool {
        self.suspended
    }
}
