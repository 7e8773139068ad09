//! Keys: each is written once, so that compaction never takes away what counts. Whoever sends a letter's record again, because nobody knows what
//! became of it, sends it under another key.

use std::fmt;

use onceward_engine::Offset;
use onceward_engine::ledger::{LetterRecord, LetterState, Removed};

/// The key of a record, without its value: what a tombstone names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `claim/ID`, with an id of the one try that wrote it.
    Claim(String),
    /// `letter/OFFSET/EPOCH/STATE-REPLAYS`, and `/AGAIN` behind it where it is not the first sending.
    Letter {
        /// The source offset.
        offset: Offset,
        /// The claim under which it was written.
        epoch: Offset,
        /// The state that it says.
        state: LetterState,
        /// The failed replays that it says.
        replays: u32,
        /// How often it had been sent before.
        again: u32,
    },
    /// `command/ID`.
    Command(String),
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(id) => write!(formatter, "claim/{id}"),
            Self::Letter { offset, epoch, state, replays, again } => {
                write!(formatter, "letter/{}/{}/{}-{replays}", offset.0, epoch.0, state_text(*state))?;
                if *again > 0 { write!(formatter, "/{again}") } else { Ok(()) }
            }
            Self::Command(id) => write!(formatter, "command/{id}"),
        }
    }
}

impl Key {
    /// Reads a key; `None` for one of a kind that this version does not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        match kind {
            "claim" if !rest.is_empty() => Some(Self::Claim(rest.to_owned())),
            "command" if !rest.is_empty() => Some(Self::Command(rest.to_owned())),
            "letter" => {
                let mut parts = rest.split('/');
                let (offset, epoch, last) = (parts.next()?, parts.next()?, parts.next()?);
                let (state, replays) = last.split_once('-')?;
                let again = parts.next().map_or(Some(0), |again| again.parse().ok())?;
                let key = Self::Letter {
                    offset: Offset(offset.parse().ok()?),
                    epoch: Offset(epoch.parse().ok()?),
                    state: state_of(state)?,
                    replays: replays.parse().ok()?,
                    again,
                };
                // Written in one way only: two keys for the same record would survive compaction side by side.
                (parts.next().is_none() && key.to_string() == text).then_some(key)
            }
            _ => None,
        }
    }

    /// The key of a letter's record.
    pub(crate) fn of(letter: &LetterRecord) -> Self {
        let LetterRecord { offset, epoch, state, replays, again, .. } = *letter;
        Self::Letter { offset, epoch, state, replays, again }
    }

    /// What a tombstone under this key takes out, but for a claim: its key does not say where it stands.
    pub(crate) fn removed(self) -> Option<Removed> {
        match self {
            Self::Claim(_) => None,
            Self::Letter { offset, epoch, state, replays, again } => Some(Removed::Letter { offset, epoch, state, replays, again }),
            Self::Command(id) => Some(Removed::Command(id)),
        }
    }
}

/// How a state is written.
#[must_use]
pub fn state_text(state: LetterState) -> &'static str {
    match state {
        LetterState::Open => "open",
        LetterState::Held => "held",
        LetterState::Done => "done",
        LetterState::Discarded => "discarded",
    }
}

fn state_of(text: &str) -> Option<LetterState> {
    [LetterState::Open, LetterState::Held, LetterState::Done, LetterState::Discarded].into_iter().find(|state| state_text(*state) == text)
}
