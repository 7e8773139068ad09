//! Looks over the shoulder of runners: which attempts are made, and what becomes of them.

use std::sync::Arc;

use onceward_engine::Outcome;

use super::world::{Dispatched, World};
use crate::event::Chunk;
use crate::executor::{Completion, Runner};

/// A runner and who watches it.
pub(super) struct Watched {
    pub(super) inner: Arc<dyn Runner>,
    pub(super) world: World,
}

impl Runner for Watched {
    fn start(self: Arc<Self>, chunk: Arc<Chunk>, first_run: u64) {
        let mut world = self.world.lock();
        for item in &chunk.items {
            let id = chunk.place(item).event_id(&chunk.record(item));
            world.dispatched.insert(item.delivery, Dispatched { id, attempt: item.attempt, chunk: Arc::downgrade(&chunk) });
        }
        drop(world);
        Arc::clone(&self.inner).start(chunk, first_run);
    }

    fn tell(&self, chunk: &Chunk) {
        self.inner.tell(chunk);
    }
}

impl World {
    /// Handlers have ended.
    pub(super) fn ended(&self, completions: &[Completion]) {
        for completion in completions {
            let Some(outcome) = completion.outcome else { continue };
            let said = match outcome {
                Outcome::Done { .. } => "done".to_owned(),
                _ => {
                    completion.failure.as_ref().map_or_else(|| "failed".to_owned(), |report| format!("{}: {}", report.kind, report.message))
                }
            };
            let mut state = self.lock();
            let Some(dispatched) = state.dispatched.get_mut(&completion.delivery) else { continue };
            dispatched.chunk = std::sync::Weak::new();
            let (id, attempt) = (dispatched.id.clone(), dispatched.attempt);
            let count = state.attempts.entry(id.clone()).or_default();
            *count = count.saturating_add(1);
            drop(state);
            self.note(format!("attempt {attempt} of {id}: {said}"));
        }
    }

    /// The process dies: attempts that run are cut off, and count as what they were.
    pub(super) fn cut_off(&self) {
        let mut state = self.lock();
        let dispatched = std::mem::take(&mut state.dispatched);
        let mut cut: Vec<(String, u32)> =
            dispatched.into_iter().filter(|(delivery, at)| at.runs(*delivery)).map(|(_, at)| (at.id, at.attempt)).collect();
        cut.sort();
        for (id, _) in &cut {
            let count = state.attempts.entry(id.clone()).or_default();
            *count = count.saturating_add(1);
        }
        drop(state);
        for (id, attempt) in cut {
            self.note(format!("attempt {attempt} of {id}: cut off"));
        }
    }

    /// Handler calls for an event, those that still run included.
    pub(super) fn attempts(&self, id: &str) -> u32 {
        let state = self.lock();
        let running = state.dispatched.iter().filter(|(delivery, at)| at.id == id && at.runs(**delivery)).count();
        let ended = state.attempts.get(id).copied().unwrap_or(0);
        ended.saturating_add(u32::try_from(running).unwrap_or(u32::MAX))
    }
}
