//! A hand-over as one buffer: words of 32 bits first, then the bytes that they speak of.
//!
//! An object with buffers of its own per record costs microseconds; slices of one buffer cost next to nothing, and only what a handler asks
//! for is made at all. `node/src/flat.ts` and Kotlin's `Frame.kt` read what is written here.

use onceward::Event;

/// Words of a hand-over: version, pieces.
pub(crate) const HEAD: usize = 2;
/// Words of a piece: kind, handler, token (low, high), events.
pub(crate) const PIECE: usize = 5;
/// Words of an event; see [`Flat::event`].
pub(crate) const EVENT: usize = 15;
/// What stands for nothing, where a length would stand.
const NONE: i32 = -1;

/// A buffer that is being written.
pub(crate) struct Flat {
    bytes: Vec<u8>,
    /// The next word's place.
    at: usize,
}

impl Flat {
    /// With room for so many words.
    pub(crate) fn new(words: usize, events: usize) -> Self {
        let mut bytes = Vec::with_capacity(words * 4 + events * 320);
        bytes.resize(words * 4, 0);
        Self { bytes, at: 0 }
    }

    pub(crate) fn word(&mut self, word: i32) {
        if let Some(place) = self.bytes.get_mut(self.at..self.at + 4) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.at += 4;
    }

    /// A number of 64 bits, low word first.
    pub(crate) fn wide(&mut self, number: i64) {
        if let Some(place) = self.bytes.get_mut(self.at..self.at + 8) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        self.at += 8;
    }

    /// Place of its bytes, topic, partition, attempt, offset, timestamp, then the lengths of key, value, id, correlation id and headers, whose
    /// bytes stand behind each other; last the length of the JSON that a schema made of the value, or nothing. A timestamp that is not there is the lowest number.
    pub(crate) fn event(&mut self, event: &Event, topic: i32) {
        self.word(length(self.bytes.len()));
        self.word(topic);
        self.word(event.partition());
        let attempt = i32::try_from(event.attempt()).unwrap_or(i32::MAX);
        self.word(if event.replayed() { -attempt } else { attempt });
        self.wide(event.offset());
        self.wide(event.timestamp().unwrap_or(i64::MIN));
        self.bytes_or_none(event.key());
        self.bytes_or_none(event.value());
        self.bytes_or_none(Some(event.id().as_bytes()));
        self.bytes_or_none(Some(event.correlation_id().as_bytes()));
        let begin = self.bytes.len();
        let mut count = 0;
        for header in event.headers() {
            self.part(Some(header.name));
            self.part(header.value);
            count += 1;
        }
        self.word(count);
        self.word(length(self.bytes.len() - begin));
        self.bytes_or_none(event.body().filter(|_| event.is_decoded()));
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn bytes_or_none(&mut self, bytes: Option<&[u8]>) {
        self.word(bytes.map_or(NONE, |bytes| length(bytes.len())));
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
    }

    /// A part of the headers has its length in front of it.
    fn part(&mut self, bytes: Option<&[u8]>) {
        self.bytes.extend_from_slice(&bytes.map_or(NONE, |bytes| length(bytes.len())).to_le_bytes());
        self.bytes.extend_from_slice(bytes.unwrap_or_default());
    }
}

/// Kafka's own limits are far below two gibibytes.
fn length(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
