//! Writes commands. Whoever owns a source partition carries them out; if nobody does, the next one who does.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use onceward_engine::Offset;
use onceward_engine::ledger::{Command, Record, Verb};

use super::value::encode;
use crate::Error;
use crate::letter::{Outgoing, Sender};

/// Letters that one command names, at most: 20 to 30 bytes each, so that a command stays far below any broker's limit for a record.
pub const LETTERS_PER_COMMAND: usize = 1_000;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Handle them again, or settle them unhandled.
    pub verb: Verb,
    /// Beyond `max_replays`, too.
    pub force: bool,
    /// Letters per second over all partitions, in thousandths; `None`: as many as can. Partitions get shares in proportion to their letters.
    pub rate: Option<u32>,
    /// Who asks, to be shown.
    pub who: String,
}

/// A command that was written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Asked {
    /// Its id.
    pub id: String,
    /// The partition whose owner carries it out.
    pub partition: i32,
    /// How many letters it names.
    pub letters: usize,
}

/// Writes commands for letters, each given by partition, source offset and the failed replays that were seen. Returns when all in-sync
/// replicas have them. `client`: see [`crate::kafka::producer_properties`].
///
/// # Errors
/// [`Error::Broker`] when a broker refuses or none answers in time. Commands that were written by then stand: asking again is harmless,
/// since a command means letters only as they were seen.
pub fn ask(
    client: &[(String, String)],
    ledger: &str,
    letters: &[(i32, Offset, u32)],
    ask: &Ask,
    timeout: Duration,
) -> Result<Vec<Asked>, Error> {
    let mut partitions: BTreeMap<i32, Vec<(Offset, u32)>> = BTreeMap::new();
    for &(partition, offset, replays) in letters {
        partitions.entry(partition).or_default().push((offset, replays));
    }
    let mut sender = Sender::connect(client, timeout)?;
    let mut written = Vec::new();
    for (partition, mut named) in partitions {
        named.sort_unstable();
        let rate = ask.rate.map(|rate| share(rate, named.len(), letters.len()));
        for part in named.chunks(LETTERS_PER_COMMAND) {
            let command = Command {
                id: uuid::Uuid::now_v7().to_string(),
                verb: ask.verb,
                letters: part.to_vec(),
                force: ask.force,
                rate,
                who: ask.who.clone(),
                time: now(),
            };
            let asked = Asked { id: command.id.clone(), partition, letters: part.len() };
            let (key, value) = encode(&Record::Command(command), "");
            let key = key.to_string();
            let record = Outgoing { topic: ledger, partition: Some(partition), key: Some(key.as_bytes()), value: Some(&value) };
            sender.send(&record, std::iter::empty())?;
            written.push(asked);
        }
    }
    sender.finish()?;
    Ok(written)
}

/// A partition's part of the rate, never nothing.
fn share(rate: u32, letters: usize, all: usize) -> u32 {
    let (letters, all) = (letters as u64, (all as u64).max(1));
    u32::try_from(u64::from(rate).saturating_mul(letters) / all).unwrap_or(u32::MAX).max(1)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn shares_of_a_rate_add_up_and_none_is_nothing() {
        assert_eq!(super::share(10_000, 75, 100) + super::share(10_000, 25, 100), 10_000);
        assert_eq!(super::share(1, 1, 100_000), 1);
        assert_eq!(super::share(u32::MAX, 3, 3), u32::MAX);
    }
}
