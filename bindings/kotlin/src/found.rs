//! What lies in a rig's topics.

use onceward_bridge::testing::{DeadLetter, HeldKey, Position, Published};

use crate::values::NativeHeader;

/// Where a record lies.
#[derive(uniffi::Record)]
pub struct NativePosition {
    /// Its topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

/// A record that lies in a topic.
#[derive(uniffi::Record)]
pub struct NativeFound {
    /// Where.
    pub position: NativePosition,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<NativeHeader>,
    /// The event's id.
    pub id: String,
}

/// A dead letter.
#[derive(uniffi::Record)]
pub struct NativeLetter {
    /// The record.
    pub record: NativeFound,
    /// Why it was given up.
    pub reason: String,
    /// Handler calls.
    pub attempts: u32,
    /// How it stands.
    pub state: String,
    /// Replays of it that failed.
    pub replays: u32,
    /// Its id.
    pub letter_id: String,
    /// What letters of one cause have in common.
    pub fingerprint: String,
}

/// A key whose later events wait behind a dead letter.
#[derive(uniffi::Record)]
pub struct NativeHeld {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The key of the letter's record.
    pub key: Option<Vec<u8>>,
    /// The id of the event whose letter has to be settled.
    pub letter: String,
    /// Ids of the events behind it, in their order.
    pub behind: Vec<String>,
}

impl From<Position> for NativePosition {
    fn from(position: Position) -> Self {
        Self { topic: position.topic, partition: position.partition, offset: position.offset }
    }
}

impl From<Published> for NativeFound {
    fn from(found: Published) -> Self {
        Self { position: found.position.into(), key: found.key, value: found.value, headers: headers(found.headers.0), id: found.id }
    }
}

impl From<DeadLetter> for NativeLetter {
    fn from(found: DeadLetter) -> Self {
        let (reason, attempts, id) = (found.reason().to_owned(), found.attempts(), found.event_id().to_owned());
        let (state, replays) = (found.state().to_string(), found.replays);
        let record =
            NativeFound { position: found.position.into(), key: found.key, value: found.value, headers: headers(found.headers.0), id };
        let (letter_id, fingerprint) = (found.letter.id.unwrap_or_default(), found.letter.fingerprint.unwrap_or_default());
        Self { record, reason, attempts, state, replays, letter_id, fingerprint }
    }
}

impl From<HeldKey> for NativeHeld {
    fn from(held: HeldKey) -> Self {
        Self { topic: held.topic, partition: held.partition, key: held.key, letter: held.letter, behind: held.behind }
    }
}

fn headers(headers: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Vec<NativeHeader> {
    headers.into_iter().map(|(name, value)| NativeHeader { name: String::from_utf8_lossy(&name).into_owned(), value }).collect()
}
