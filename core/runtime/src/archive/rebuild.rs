//! The event of a letter, as it was: everything before the first header that a letter adds.

use onceward_engine::{EventHash, Rejection};

use super::Wanted;
use crate::inbox::Identity;
use crate::kafka::sys::RawRecord;
use crate::kafka::{BatchBuilder, RecordMeta};
use crate::letter::{is_ours, letter_id};
use crate::wire::{letter, spring};

/// A record that is a letter, wherever it is read.
pub(crate) trait Stands {
    fn key(&self) -> Option<&[u8]>;

    fn value(&self) -> Option<&[u8]>;

    /// Calls back for each header, in order. `false`: the headers can't be parsed.
    fn headers(&self, visit: impl FnMut(&[u8], Option<&[u8]>)) -> bool;
}

impl Stands for RawRecord<'_> {
    fn key(&self) -> Option<&[u8]> {
        RawRecord::key(self)
    }

    fn value(&self) -> Option<&[u8]> {
        RawRecord::value(self)
    }

    fn headers(&self, visit: impl FnMut(&[u8], Option<&[u8]>)) -> bool {
        RawRecord::headers(self, visit)
    }
}

/// Adds the event of a letter to a batch. `false`: it is not the letter that was wanted.
pub(crate) fn rebuild(builder: &mut BatchBuilder, record: &impl Stands, wanted: &Wanted) -> bool {
    let (place, source) = (wanted.place, &wanted.source);
    builder.begin(record.key(), record.value());
    let (mut added, mut id, mut timestamp, mut append) = (false, None, None, false);
    let whole = record.headers(|name, value| {
        added = added || is_ours(name);
        if !added {
            builder.header(name, value);
        } else if name == letter::ID.as_bytes() {
            id = value.map(<[u8]>::to_vec);
        } else if name == spring::TIMESTAMP.as_bytes() {
            timestamp = value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes).filter(|at| *at >= 0);
        } else if name == spring::TIMESTAMP_TYPE.as_bytes() {
            append = value == Some(b"LogAppendTime");
        }
    });
    let expected = letter_id(&source.group, &source.topic, source.partition, place.offset.0);
    if id.as_deref() != Some(expected.as_bytes()) {
        tracing::error!(target: "onceward", topic = %wanted.topic, partition = source.partition, offset = place.letter.0,
            "what stands here is not the letter that the ledger names: was the dead-letter topic deleted and made again?");
        builder.discard();
        return false;
    }
    let at = (place.partition, place.epoch, place.offset);
    let named = (&*source.topic, source.partition);
    let met = source.identifier.meta(&builder.begun(), at, wanted.policy, named);
    let mut meta = met.unwrap_or_else(|_| nobody_wants(&builder.begun(), wanted));
    (meta.timestamp, meta.append_time, meta.replays) = (timestamp, append, Some(place.replays));
    if let Identity::Coordinates { .. } = meta.identity {
        // The inbox remembers places by how far the group has come, and the group has passed this one because its letter was written, not
        // because it was handled. So the letter has a mark of its own.
        let own = of_letter(&expected);
        (meta.identity, meta.event) = (Identity::Event(own), own);
    }
    if !whole {
        meta.refused = Some(Rejection::Undecodable);
    }
    builder.finish(meta);
    true
}

/// An event of a type that nobody handles any more fails again, and stays a letter.
fn nobody_wants<'a>(record: &impl crate::kafka::Fields<'a>, wanted: &Wanted) -> RecordMeta {
    let place = wanted.place;
    let known = wanted.source.identifier.identify(record, place.partition, place.offset);
    let mut meta = RecordMeta::new(place.partition, place.epoch, place.offset, known.identity, known.event, known.digest, wanted.policy);
    (meta.order_key, meta.refused) = (known.order_key, Some(Rejection::Rejected));
    meta
}

/// What an event without an id is marked as when its letter is handled. The letter's id holds group, topic and place.
fn of_letter(letter_id: &str) -> EventHash {
    let mut hash = [0; 16];
    blake3::Hasher::new_derive_key("onceward letter event 1").update(letter_id.as_bytes()).finalize_xof().fill(&mut hash);
    EventHash(u128::from_be_bytes(hash))
}
