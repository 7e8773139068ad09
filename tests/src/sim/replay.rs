//! Replays a log of inputs under the checker's eyes.

use onceward_engine::{Effect, Engine, Input, Sabotage, Timestamp};

use super::check::{Violation, Watch};
use super::scenario::Scenario;

/// What a replay showed.
#[derive(Clone, Debug)]
pub struct Replay {
    /// All orders, with their times.
    pub effects: Vec<(u64, Effect)>,
    /// The first promise broken, and by the reaction to which input.
    pub violation: Option<(usize, Violation)>,
    /// Which inputs mattered: false for late, repeated and unknown facts.
    pub mattered: Vec<bool>,
    /// Something no driver does: a record handed in without room or in a slot that is in use, a member of a run answered before one ahead of it.
    pub unreal: bool,
}

/// Replays until the end or the first violation.
pub fn replay(scenario: &Scenario, sabotage: Option<Sabotage>) -> Replay {
    replay_part(scenario, &[], sabotage)
}

/// As [`replay`], but leaves out inputs that mattered before (one flag per input) and do not matter now: an answer to a question that is
/// no longer asked would make a history that no driver can write.
pub(crate) fn replay_part(scenario: &Scenario, mattered: &[bool], sabotage: Option<Sabotage>) -> Replay {
    let mut engine = Engine::new(scenario.settings.clone());
    if let Some(bug) = sabotage {
        engine.sabotage(bug);
    }
    let mut watch = Watch::new(scenario.settings.clone());
    let mut seen = Replay { effects: Vec::new(), violation: None, mattered: Vec::new(), unreal: false };
    for (index, entry) in scenario.inputs.iter().enumerate() {
        let must_matter = mattered.get(index).copied().unwrap_or(false);
        if let Input::Fetched(record) = &entry.input {
            if must_matter && watch.delivered(record.partition, record.epoch, record.offset.0) != Some(false) {
                seen.mattered.push(false);
                continue;
            }
            seen.unreal |= watch.occupied(record.delivery.slot) || !engine.accepts(record.partition, record.bytes);
        }
        if let Input::Handled { delivery, .. } | Input::NotStarted { delivery } = &entry.input {
            seen.unreal |= watch.overtakes(*delivery);
        }
        let matters = watch.input(Timestamp(entry.at), &entry.input);
        seen.mattered.push(matters);
        if must_matter && !matters {
            continue;
        }
        engine.handle(Timestamp(entry.at), entry.input.clone());
        if entry.more {
            continue;
        }
        if let Err(violation) = drain(&mut engine, &mut watch, entry.at, &mut seen.effects) {
            seen.violation = Some((index, violation));
            break;
        }
    }
    seen
}

fn drain(engine: &mut Engine, watch: &mut Watch, at: u64, effects: &mut Vec<(u64, Effect)>) -> Result<(), Violation> {
    while let Some(effect) = engine.next_effect() {
        let verdict = watch.effect(&effect);
        effects.push((at, effect));
        verdict?;
    }
    watch.rest(&engine.snapshot(), engine.next_deadline())
}
