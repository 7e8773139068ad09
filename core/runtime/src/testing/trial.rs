//! A world that holds dead letters, their ledger and a command to replay them: for a [dry run](crate::dry_run).

use std::collections::BTreeMap;
use std::sync::Arc;

use onceward_engine::Offset;

use super::world::World;
use crate::Error;
use crate::alerts::Callback;
use crate::config::Settings;
use crate::consumer::Routes;
use crate::dry_run::Case;
use crate::ledger::{Claim, Command, LETTERS_PER_COMMAND, LetterRecord, LetterState, Record, Verb, encode};
use crate::letter::{dead_letter_topic, ledger_topic};

/// Letters that are tried, and who is told of failures.
pub(crate) struct Trial {
    /// Whose letters they are; `None`: the consumer's own group.
    pub(crate) group: Option<String>,
    pub(crate) cases: Arc<[Case]>,
    /// In place of the consumer's own callback, which would wake somebody.
    pub(crate) told: Callback,
}

impl Trial {
    /// One attempt for each letter: time is real, so nothing that only waits is done.
    pub(super) fn simplify(routes: &mut Routes) {
        for route in &mut routes.routes {
            let policy = &mut route.policy;
            (policy.backoff.attempts, policy.breaker, policy.max_rate, policy.max_replays) = (1, None, None, u32::MAX);
        }
    }

    /// Puts everything where a member finds it that owns the partitions, and has read them.
    pub(super) fn stock(&self, world: &World, settings: &Settings) -> Result<(), Error> {
        let refuse = |why: String| Err(Error::Halted(format!("the letters can't be tried: {why}")));
        if let Some(group) = self.group.as_ref().filter(|group| **group != settings.group) {
            return refuse(format!("they are of group {group}, and this consumer's group is {}", settings.group));
        }
        if !settings.dead_letter.replay {
            return refuse("with dead_letter.replay = false there is no replay that could be tried".to_owned());
        }
        let mut open: BTreeMap<(&str, i32), Vec<(Offset, u32)>> = BTreeMap::new();
        for case in self.cases.iter() {
            let ledger = ledger_topic(&settings.dead_letter.ledger, &case.topic, &settings.group);
            let place = (case.topic.as_str(), case.partition);
            if !open.contains_key(&place) {
                world.join(settings, &case.topic);
                // Counts: nobody else writes to this ledger.
                let claim = Claim { prev: None, member: "dry run".to_owned(), generation: -1, store: String::new(), time: world.wall() };
                note(world, &ledger, case.partition, &Record::Claim(claim));
            }
            let asked = open.entry(place).or_default();
            let letters = dead_letter_topic(&settings.dead_letter.topic, &case.topic, &settings.group);
            let record = (case.key.clone(), case.value.clone());
            let Some(put) = world.append(&letters, Some(case.partition), record, case.headers.clone(), case.timestamp) else {
                return refuse(format!("topic {} has no partition {}", case.topic, case.partition));
            };
            let letter = LetterRecord { epoch: Offset(0), letter: Offset(put.offset), ..case.record.clone() };
            if letter.state == LetterState::Open {
                asked.push((letter.offset, letter.replays));
            }
            let mut state = world.lock();
            let committed = state.committed.entry((place.0.into(), place.1)).or_default();
            *committed = (*committed).max(letter.offset.0.saturating_add(1));
            state.letters.push(put);
            drop(state);
            note(world, &ledger, case.partition, &Record::Letter(letter));
        }
        for ((topic, partition), mut letters) in open {
            letters.sort_unstable();
            let ledger = ledger_topic(&settings.dead_letter.ledger, topic, &settings.group);
            for part in letters.chunks(LETTERS_PER_COMMAND) {
                let (id, who, time) = (uuid::Uuid::now_v7().to_string(), "dry run".to_owned(), world.wall());
                let command = Command { id, verb: Verb::Replay, letters: part.to_vec(), force: true, rate: None, who, time };
                note(world, &ledger, partition, &Record::Command(command));
            }
        }
        world.lock().frozen = true;
        Ok(())
    }
}

fn note(world: &World, ledger: &str, partition: i32, record: &Record) {
    let (key, value) = encode(record, "dry-run");
    world.append(ledger, Some(partition), (Some(key.to_string().into_bytes()), Some(value)), Vec::new(), None);
}
