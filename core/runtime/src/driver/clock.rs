//! The one clock of a run: milliseconds that never step back, and the wall time that they stand for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onceward_engine::Timestamp;

/// Started once per run.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The operating system's.
    System {
        /// When the run began.
        started: Instant,
        /// The wall time of that instant.
        wall: SystemTime,
    },
    /// A test's: it moves when the test says so.
    Simulated {
        /// Milliseconds since the beginning.
        now: Arc<AtomicU64>,
        /// The wall time of the beginning, in milliseconds since 1970.
        wall: i64,
    },
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self::System { started: Instant::now(), wall: SystemTime::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System { started, .. } => Timestamp(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)),
            Self::Simulated { now, .. } => Timestamp(now.load(Ordering::Acquire)),
        }
    }

    /// How long until a deadline. Rounded up: waking a moment too early would spin.
    pub(crate) fn until(&self, due: Timestamp) -> Duration {
        match self {
            Self::System { started, .. } => (*started + Duration::from_millis(due.0)).saturating_duration_since(Instant::now()),
            Self::Simulated { .. } => Duration::from_millis(due.0.saturating_sub(self.now().0)),
        }
    }

    /// An instant as milliseconds since 1970. A wall clock that was set while we ran does not change it.
    pub(crate) fn wall_millis(&self, at: Timestamp) -> i64 {
        let start = match self {
            Self::System { wall, .. } => i64::try_from(wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX),
            Self::Simulated { wall, .. } => *wall,
        };
        start.saturating_add(i64::try_from(at.0).unwrap_or(i64::MAX))
    }
}
