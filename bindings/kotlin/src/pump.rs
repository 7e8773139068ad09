//! Taking work, and answering for it.

use std::time::Duration;

use onceward_bridge::Held;

use crate::fault::Result;
use crate::session::NativeSession;
use crate::values::NativeOutcome;

#[uniffi::export]
impl NativeSession {
    /// Up to so many runs and batches in one buffer, the first of which is waited for; empty: none came. Null: nothing comes any more.
    pub fn next_batch(&self, max: u32, wait: Duration) -> Option<Vec<u8>> {
        let work = self.queue.next_batch(max as usize, wait)?;
        Some(if work.is_empty() { Vec::new() } else { self.hands().take(work) })
    }

    /// Names of topics, in the order of their numbers.
    pub fn topics(&self) -> Vec<String> {
        self.hands().topics().to_vec()
    }

    /// Tokens of what is to stop; of a run maybe not with the event that is in hand by now, see `Step.told`.
    pub fn told(&self) -> Vec<i64> {
        self.queue.take_told().into_iter().map(|token| i64::try_from(token).unwrap_or(i64::MAX)).collect()
    }

    /// The event in hand of a run failed; nothing behind it is begun.
    pub fn fail(&self, token: i64, outcome: NativeOutcome) -> Result<()> {
        let outcome = outcome.outcome()?;
        let held = self.hands().remove(whole(token));
        if let Some(Held::Run(mut run, _)) = held {
            run.end(outcome);
        }
        Ok(())
    }

    /// The handler was stopped because it was told to.
    pub fn stopped(&self, token: i64) {
        let held = self.hands().remove(whole(token));
        if let Some(Held::Run(mut run, _)) = held {
            run.stopped();
        }
    }

    /// One event of a batch failed.
    pub fn fail_one(&self, token: i64, position: u32, outcome: NativeOutcome) -> Result<()> {
        let outcome = outcome.outcome()?;
        if let Some(Held::Batch(batch)) = self.hands().get(whole(token)) {
            batch.fail(position as usize, outcome);
        }
        Ok(())
    }

    /// A call of a batch handler has ended; without a word, well.
    pub fn end_batch(&self, token: i64, outcome: Option<NativeOutcome>) -> Result<()> {
        let outcome = outcome.map(NativeOutcome::outcome).transpose()?;
        let held = self.hands().remove(whole(token));
        if let Some(Held::Batch(mut batch)) = held {
            batch.end(outcome.unwrap_or(onceward_bridge::Outcome::Done));
        }
        Ok(())
    }

    /// What is told of a dead letter, as JSON.
    pub fn letter(&self, token: i64) -> String {
        match self.hands().get(whole(token)) {
            Some(Held::Letter(held)) => serde_json::to_string(&held.letter).unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// The function has heard of a letter: the next one may come.
    pub fn letter_told(&self, token: i64) {
        drop(self.hands().remove(whole(token)));
    }

    /// Drops what waits and what is in hand: the end of a life in a rig.
    pub fn clear(&self) {
        self.queue.clear();
        self.hands().clear();
    }
}

/// Tokens are counted from 0.
pub(crate) fn whole(token: i64) -> u64 {
    u64::try_from(token).unwrap_or(u64::MAX)
}
