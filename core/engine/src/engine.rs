//! Wiring: input → parts → effects.

use crate::{Effect, EngineSettings, Input, Timestamp};

/// The decisions of one running consumer.
#[derive(Clone, Debug)]
pub struct Engine {
    settings: EngineSettings,
}

/// The engine's numbers. Cheap: nothing is counted for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Deliveries in memory.
    pub records: u32,
    /// Their bytes.
    pub bytes: u64,
    /// How many more records may be handed in now. Zero while a dependency is down.
    pub room_records: u32,
    /// How many more bytes.
    pub room_bytes: u64,
    /// Runs that are being handled.
    pub running: u32,
    /// Deliveries waiting for another attempt.
    pub waiting: u32,
    /// Partitions assigned (draining ones included).
    pub partitions: u32,
    /// Partitions halted by an alert.
    pub halted: u32,
}

impl Engine {
    /// An engine without partitions.
    #[must_use]
    pub fn new(settings: EngineSettings) -> Self {
        Self { settings }
    }

    /// Takes one fact. `now` never steps back.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        let _ = (now, input, &self.settings);
    }

    /// The next order, oldest first; `None` when there is nothing to do until the next input.
    pub fn next_effect(&mut self) -> Option<Effect> {
        None
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// The numbers.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::default()
    }
}
