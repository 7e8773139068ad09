//! The one clock of a run: milliseconds that never step back, and the wall time that they stand for.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onceward_engine::Timestamp;

/// Started once per run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
    wall: SystemTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), wall: SystemTime::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// How long until a deadline. Rounded up: waking a moment too early would spin.
    pub(crate) fn until(&self, due: Timestamp) -> Duration {
        (self.started + Duration::from_millis(due.0)).saturating_duration_since(Instant::now())
    }

    /// An instant as milliseconds since 1970. A wall clock that was set while we ran does not change it.
    pub(crate) fn wall_millis(&self, at: Timestamp) -> i64 {
        let start = self.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(start.as_millis()).unwrap_or(i64::MAX).saturating_add(i64::try_from(at.0).unwrap_or(i64::MAX))
    }
}
