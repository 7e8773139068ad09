//! What a test sees of letters and asks for them: the fold and the commands of `onceward dlt`, on the simulated topics.

use std::collections::BTreeMap;

use onceward_engine::Offset;
use uuid::Uuid;

use super::found::{DeadLetter, HeaderList, HeldKey, Position};
use super::log::Log;
use super::stage::Stage;
use super::world::World;
use crate::Error;
use crate::config::Settings;
use crate::ledger::{Command, Filter, Key, LETTERS_PER_COMMAND, Ledger, Record, Verb, encode, is_keyless, state_text};
use crate::letter::{Letter, dead_letter_topic, ledger_topic};

/// The topics beside the subscribed ones, by the name of the source.
#[derive(Debug, Default)]
pub(super) struct Companions(BTreeMap<String, Beside>);

#[derive(Clone, Debug)]
struct Beside {
    letters: String,
    /// `None`: letters have no state.
    ledger: Option<String>,
}

/// What a record of a ledger says, for the history; nothing for what holds ids that are new in every run.
pub(super) fn said(key: &Key) -> Option<String> {
    match key {
        Key::Claim(_) => Some("claimed".to_owned()),
        Key::Letter { offset, state, replays: 0, .. } => Some(format!("the letter of offset {} is {}", offset.0, state_text(*state))),
        Key::Letter { offset, state, replays, .. } => {
            Some(format!("the letter of offset {} is {}; replays that failed: {replays}", offset.0, state_text(*state)))
        }
        Key::Command(_) => None,
    }
}

impl World {
    /// A topic is subscribed: what stands beside it has as many partitions.
    pub(super) fn join(&self, settings: &Settings, topic: &str) {
        let letters = dead_letter_topic(&settings.dead_letter.topic, topic, &settings.group);
        let ledger = settings.dead_letter.replay.then(|| ledger_topic(&settings.dead_letter.ledger, topic, &settings.group));
        let mut state = self.lock();
        std::iter::once(&letters).chain(&ledger).for_each(|beside| state.log.like(beside, topic));
        state.companions.0.insert(topic.to_owned(), Beside { letters, ledger });
    }

    pub(super) fn dead_letters(&self) -> Vec<DeadLetter> {
        let state = self.lock();
        let ledgers: BTreeMap<&str, Ledger> =
            state.companions.0.values().filter_map(|beside| Some((beside.letters.as_str(), folded(&state.log, beside)?))).collect();
        let one = |position: &Position| {
            let stored = state.log.at(position)?;
            let headers = stored.headers.iter().map(|(name, value)| crate::kafka::Header { name, value: value.as_deref() });
            let letter = Letter::from_headers(headers);
            let known = ledgers.get(position.topic.as_str()).and_then(|ledger| ledger.fold(position.partition));
            let known = known.zip(letter.offset).and_then(|(fold, offset)| fold.letter_of(Offset(offset)));
            let stands = known.map(|known| &known.record).filter(|record| record.letter.0 == position.offset);
            Some(DeadLetter {
                position: position.clone(),
                key: stored.key.clone(),
                value: stored.value.clone(),
                headers: HeaderList(stored.headers.clone()),
                letter,
                state: stands.map(|record| record.state),
                replays: stands.map_or(0, |record| record.replays),
            })
        };
        state.letters.iter().filter_map(one).collect()
    }

    pub(super) fn held(&self) -> Vec<HeldKey> {
        let state = self.lock();
        let mut held = Vec::new();
        for (topic, beside) in &state.companions.0 {
            let Some(ledger) = folded(&state.log, beside) else { continue };
            for (partition, fold) in ledger.folds() {
                let place =
                    |letter: &crate::ledger::Letter| Position { topic: beside.letters.clone(), partition, offset: letter.record.letter.0 };
                let id = |letter| {
                    let stored = state.log.at(&place(letter))?;
                    let headers = stored.headers.iter().map(|(name, value)| crate::kafka::Header { name, value: value.as_deref() });
                    Letter::from_headers(headers).event_id
                };
                let mut keys: Vec<_> = fold.held().filter_map(|(_, mut letters)| Some((letters.next()?, letters))).collect();
                keys.sort_by_key(|(front, _)| front.record.offset);
                held.extend(keys.into_iter().map(|(front, letters)| {
                    let key = state.log.at(&place(front)).and_then(|stored| stored.key.clone());
                    let behind = letters.filter_map(id).collect();
                    HeldKey { topic: topic.clone(), partition, key, letter: id(front).unwrap_or_default(), behind }
                }));
            }
        }
        held
    }
}

impl Stage {
    /// Writes what `onceward dlt` would write; how many letters it names.
    pub(super) fn ask(&mut self, verb: Verb, filter: &Filter) -> Result<usize, Error> {
        let sources: Vec<(String, Beside)> = self.world.lock().companions.0.clone().into_iter().collect();
        let mut asked = 0;
        for (topic, beside) in sources {
            let Some(name) = &beside.ledger else {
                let why = "letters have no state with dead_letter.replay = false, so nothing can be asked of them";
                return Err(Error::Topics(format!("letters of topic {topic}: {why}")));
            };
            let called = self.called(&topic)?.unwrap_or_else(|| topic.clone());
            let most = self.settings.rules(&called).policy.max_replays;
            let letters = {
                let state = self.world.lock();
                let Some(ledger) = folded(&state.log, &beside) else { continue };
                let mut filter = filter.clone();
                if let Some(key) = filter.key.take() {
                    filter.keyless = with_key(&state.log, &beside, &ledger, &key);
                    filter.key = Some(key);
                }
                let chosen = ledger.choose(&self.settings.group, &topic, &filter, None);
                let new = chosen.into_iter().filter(|chosen| match verb {
                    Verb::Replay => chosen.waits_for_a_person() && chosen.letter.record.replays < most,
                    Verb::Discard | Verb::Stop => true,
                });
                let asked_before = |partition, letter: &crate::ledger::Letter| {
                    ledger.fold(partition).is_some_and(|fold| fold.wanted(letter).any(|wanted| wanted.command.verb == verb))
                };
                let new = new.filter(|chosen| !asked_before(chosen.partition, chosen.letter));
                let mut letters: BTreeMap<i32, Vec<(Offset, u32)>> = BTreeMap::new();
                for chosen in new {
                    letters.entry(chosen.partition).or_default().push((chosen.letter.record.offset, chosen.letter.record.replays));
                }
                letters
            };
            for (partition, mut letters) in letters {
                letters.sort_unstable();
                asked += letters.len();
                self.world.note(format!("{name}/{partition}: {} letters are asked for: {verb:?}", letters.len()));
                letters.chunks(LETTERS_PER_COMMAND).for_each(|part| self.command(verb, name, partition, part.to_vec()));
            }
        }
        Ok(asked)
    }

    fn command(&self, verb: Verb, ledger: &str, partition: i32, letters: Vec<(Offset, u32)>) {
        let (who, time) = ("a test".to_owned(), self.world.wall());
        let command = Command { id: Uuid::now_v7().to_string(), verb, letters, force: false, rate: None, who, time };
        let (key, value) = encode(&Record::Command(command), "");
        self.world.append(ledger, Some(partition), (Some(key.to_string().into_bytes()), Some(value)), Vec::new(), None);
    }
}

/// The ledger as it stands. What was cleaned away is settled: a test may see all the same how it ended.
fn folded(log: &Log, beside: &Beside) -> Option<Ledger> {
    let name = beside.ledger.as_ref()?;
    let mut ledger = Ledger::named(name);
    for number in 0..log.partitions(name) {
        for (at, record) in (0..).zip(log.partition(name, number)) {
            let (Some(key), Some(value)) = (&record.key, &record.value) else { continue };
            // Only a later version's record is refused, and nobody writes one here.
            ledger.take(number, at, key, Some(value)).ok()?;
        }
    }
    Some(ledger)
}

/// Letters whose key the ledger does not tell, and whose record has this one.
fn with_key(log: &Log, beside: &Beside, ledger: &Ledger, key: &[u8]) -> std::collections::BTreeSet<(i32, Offset)> {
    let keyless = ledger.letters().filter(|(_, letter)| is_keyless(letter));
    let has_it = |(partition, letter): &(i32, &crate::ledger::Letter)| {
        let place = Position { topic: beside.letters.clone(), partition: *partition, offset: letter.record.letter.0 };
        log.at(&place).is_some_and(|stored| stored.key.as_deref() == Some(key))
    };
    keyless.filter(has_it).map(|(partition, letter)| (partition, letter.record.offset)).collect()
}
