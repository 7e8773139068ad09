//! Values: JSON with a version. What a letter's key says is not repeated in its value.

use std::fmt;

use onceward_engine::ledger::{Claim, Command, KeyDigest, LetterRecord, Record, Verb};
use onceward_engine::{Offset, Reason};
use serde::{Deserialize, Serialize};

use super::key::Key;
use crate::letter::{reason_of, reason_text};

/// The form that is written. A reader of version n reads every version up to n.
const VERSION: u32 = 1;

/// Why a record can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A later version of Onceward wrote it.
    Newer(u32),
    /// It is not in the form that its key says.
    Malformed(String),
    /// Its key is of no kind that is known.
    Foreign,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer(version) => {
                write!(formatter, "a later Onceward wrote it (form {version}, this one reads up to {VERSION}): update this program first")
            }
            Self::Malformed(why) => write!(formatter, "it is not in the ledger's form: {why}"),
            Self::Foreign => formatter.write_str("its key is none of the ledger's: who else writes into this topic?"),
        }
    }
}

impl std::error::Error for Unreadable {}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    body: T,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct ClaimBody {
    prev: Option<i64>,
    member: String,
    generation: i32,
    store: String,
    time: i64,
}

#[derive(Serialize, Deserialize)]
struct LetterBody {
    key: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    holds: bool,
    letter: i64,
    reason: String,
    fingerprint: String,
    time: i64,
}

#[derive(Serialize, Deserialize)]
struct CommandBody {
    verb: String,
    letters: Vec<(i64, u32)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    force: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    who: String,
    time: i64,
}

/// Key and value of a record. A claim needs an id of its own; a command has one.
#[must_use]
pub fn encode(record: &Record, claim_id: &str) -> (Key, Vec<u8>) {
    match record {
        Record::Claim(claim) => {
            let Claim { prev, member, generation, store, time } = claim.clone();
            let body = ClaimBody { prev: prev.map(|offset| offset.0), member, generation, store, time };
            (Key::Claim(claim_id.to_owned()), json(body))
        }
        Record::Letter(letter) => {
            let body = LetterBody {
                key: letter.key.map(|key| format!("{:032x}", key.0)),
                holds: letter.holds,
                letter: letter.letter.0,
                reason: reason_text(letter.reason).to_owned(),
                fingerprint: letter.fingerprint.clone(),
                time: letter.time,
            };
            (Key::of(letter), json(body))
        }
        Record::Command(command) => {
            let Command { id, verb, letters, force, rate, who, time } = command.clone();
            let letters = letters.into_iter().map(|(offset, replays)| (offset.0, replays)).collect();
            (Key::Command(id), json(CommandBody { verb: verb_text(verb).to_owned(), letters, force, rate, who, time }))
        }
    }
}

/// Reads a record.
///
/// # Errors
/// Why it can't be read. A reader that meets [`Unreadable::Newer`] must not own the partition: it would not see what counts.
pub fn decode(key: &[u8], value: &[u8]) -> Result<(Key, Record), Unreadable> {
    let key = std::str::from_utf8(key).ok().and_then(Key::parse).ok_or(Unreadable::Foreign)?;
    let version: Version = read(value)?;
    if version.v > VERSION {
        return Err(Unreadable::Newer(version.v));
    }
    let record = match &key {
        Key::Claim(_) => {
            let ClaimBody { prev, member, generation, store, time } = read(value)?;
            Record::Claim(Claim { prev: prev.map(Offset), member, generation, store, time })
        }
        Key::Letter { offset, epoch, state, replays, again } => {
            let body: LetterBody = read(value)?;
            let key =
                body.key.map(|digest| u128::from_str_radix(&digest, 16).map(KeyDigest)).transpose().map_err(|error| malformed(&error))?;
            Record::Letter(LetterRecord {
                offset: *offset,
                epoch: *epoch,
                state: *state,
                replays: *replays,
                again: *again,
                key,
                holds: body.holds,
                letter: Offset(body.letter),
                reason: reason(&body.reason)?,
                fingerprint: body.fingerprint,
                time: body.time,
            })
        }
        Key::Command(id) => {
            let body: CommandBody = read(value)?;
            let letters = body.letters.into_iter().map(|(offset, replays)| (Offset(offset), replays)).collect();
            let verb = [Verb::Replay, Verb::Discard, Verb::Stop].into_iter().find(|verb| verb_text(*verb) == body.verb);
            let verb = verb.ok_or_else(|| malformed(&format_args!("there is no verb {:?}", body.verb)))?;
            Record::Command(Command { id: id.clone(), verb, letters, force: body.force, rate: body.rate, who: body.who, time: body.time })
        }
    };
    Ok((key, record))
}

fn reason(text: &str) -> Result<Reason, Unreadable> {
    reason_of(text).ok_or_else(|| malformed(&format_args!("there is no reason {text:?}")))
}

fn verb_text(verb: Verb) -> &'static str {
    match verb {
        Verb::Replay => "replay",
        Verb::Discard => "discard",
        Verb::Stop => "stop",
    }
}

fn read<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(value).map_err(|error| malformed(&error))
}

fn malformed(why: &dyn fmt::Display) -> Unreadable {
    Unreadable::Malformed(why.to_string())
}

/// Texts, numbers and lists of them: nothing that JSON can't say.
fn json(body: impl Serialize) -> Vec<u8> {
    serde_json::to_vec(&Versioned { v: VERSION, body }).unwrap_or_default()
}
