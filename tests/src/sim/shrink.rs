//! Makes a failing log small: leaves out whatever the violation does not need.

use onceward_engine::Sabotage;

use super::replay::{replay, replay_part};
use super::scenario::{Entry, Scenario};

/// The smallest log found that breaks the same promise. A log whose replay breaks none (because the world, not the engine's
/// checker, found it) comes back whole.
pub fn shrink(scenario: &Scenario, invariant: &str, sabotage: Option<Sabotage>) -> Scenario {
    let whole = replay(scenario, sabotage);
    let Some((last, _)) = whole.violation.filter(|found| found.1.invariant == invariant) else { return scenario.clone() };
    let mut kept: Vec<(Entry, bool)> = scenario.inputs.iter().cloned().zip(whole.mattered).take(last + 1).collect();
    let settings = scenario.settings.clone();
    // What is left of a candidate if it still fails.
    let fails = |candidate: &[(Entry, bool)]| {
        let inputs = candidate.iter().map(|entry| entry.0.clone()).collect();
        let mattered: Vec<bool> = candidate.iter().map(|entry| entry.1).collect();
        let seen = replay_part(&Scenario { settings: settings.clone(), inputs }, &mattered, sabotage);
        let (last, found) = seen.violation?;
        let kept = candidate.iter().zip(seen.mattered).take(last + 1).filter(|((_, mattered), matters)| *matters || !mattered);
        let kept: Vec<_> = kept.map(|(entry, _)| entry.clone()).collect();
        (!seen.unreal && found.invariant == invariant).then_some(kept)
    };
    if fails(&kept).is_none() {
        return Scenario { settings, inputs: kept.into_iter().map(|entry| entry.0).collect() };
    }
    let mut chunk = kept.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        let mut smaller = false;
        while at < kept.len() {
            let mut candidate = kept.clone();
            candidate.drain(at..(at + chunk).min(kept.len()));
            if let Some(smaller_yet) = fails(&candidate) {
                kept = smaller_yet;
                smaller = true;
            } else {
                at += chunk;
            }
        }
        // At single inputs it goes on as long as it helps.
        chunk = if chunk > 1 { chunk.div_ceil(2) } else { usize::from(smaller) };
    }
    Scenario { settings, inputs: kept.into_iter().map(|entry| entry.0).collect() }
}
