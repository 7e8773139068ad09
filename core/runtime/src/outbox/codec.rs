//! Events as bytes: encoded by the handler's task, copied into a row as they are, decoded by the relay.
//!
//! An event is its length and then topic, key, value, and headers; each part is a length and its bytes. Numbers are 32 bits, little-endian;
//! a missing part has the largest length.

use std::ops::Range;

use crate::letter::{HeaderBytes, PublishRequest};

const MISSING: u32 = u32::MAX;
const WIDTH: usize = 4;

/// Encoded events, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// How many.
    pub events: u32,
    /// Their bytes.
    pub bytes: Vec<u8>,
}

/// Encodes events.
#[derive(Default)]
pub(crate) struct Encoder(Encoded);

impl Encoder {
    /// Adds one.
    pub(crate) fn push(&mut self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[HeaderBytes]) {
        let bytes = &mut self.0.bytes;
        let start = bytes.len();
        bytes.extend_from_slice(&[0; WIDTH]);
        put(bytes, Some(topic.as_bytes()));
        put(bytes, key);
        put(bytes, value);
        for (name, value) in headers {
            put(bytes, Some(name));
            put(bytes, value.as_deref());
        }
        let length = u32::try_from(bytes.len() - start - WIDTH).unwrap_or(MISSING);
        bytes[start..start + WIDTH].copy_from_slice(&length.to_le_bytes());
        self.0.events += 1;
    }

    pub(crate) fn done(self) -> Encoded {
        self.0
    }
}

fn put(bytes: &mut Vec<u8>, part: Option<&[u8]>) {
    let length = part.map_or(MISSING, |part| u32::try_from(part.len()).unwrap_or(MISSING - 1));
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part.unwrap_or_default());
}

/// An event in a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'a> {
    pub(super) topic: &'a str,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    rest: &'a [u8],
}

impl<'a> Decoded<'a> {
    /// The headers. A row was checked as a whole by [`spans`], so none is cut off.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut rest = self.rest;
        std::iter::from_fn(move || if rest.is_empty() { None } else { Some((take(&mut rest)??, take(&mut rest)?)) })
    }
}

/// The events of a row, taken apart; `None` when these are no events.
pub(crate) fn published(row: &[u8]) -> Option<Vec<PublishRequest>> {
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let one = |span: Range<u32>| {
        let event = decode(row.get(span.start as usize..span.end as usize)?)?;
        let headers = event.headers().map(|(name, value)| (name.to_vec(), owned(value))).collect();
        let (topic, key, value) = (event.topic.to_owned(), owned(event.key), owned(event.value));
        Some(PublishRequest { token: 0, topic, key, value, headers, timestamp: None })
    };
    spans(row)?.into_iter().map(one).collect()
}

/// Where each event of a row lies; `None` when these are no events.
pub(super) fn spans(bytes: &[u8]) -> Option<Vec<Range<u32>>> {
    let (mut spans, mut at) = (Vec::new(), 0_usize);
    while at < bytes.len() {
        let mut rest = &bytes[at..];
        let event = take(&mut rest)??;
        decode(event).filter(|decoded| well_formed(decoded.rest))?;
        let start = at + WIDTH;
        at = start + event.len();
        spans.push(u32::try_from(start).ok()?..u32::try_from(at).ok()?);
    }
    Some(spans)
}

/// One event, without its length.
pub(super) fn decode(event: &[u8]) -> Option<Decoded<'_>> {
    let mut rest = event;
    let topic = std::str::from_utf8(take(&mut rest)??).ok()?;
    let (key, value) = (take(&mut rest)?, take(&mut rest)?);
    Some(Decoded { topic, key, value, rest })
}

fn well_formed(mut headers: &[u8]) -> bool {
    while !headers.is_empty() {
        if !matches!(take(&mut headers), Some(Some(_))) || take(&mut headers).is_none() {
            return false;
        }
    }
    true
}

/// The outer `None`: cut off.
fn take<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, behind) = rest.split_first_chunk::<WIDTH>()?;
    let length = u32::from_le_bytes(*length);
    if length == MISSING {
        *rest = behind;
        return Some(None);
    }
    let length = usize::try_from(length).ok()?;
    let (part, behind) = behind.split_at_checked(length)?;
    *rest = behind;
    Some(Some(part))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut encoder = Encoder::default();
        let headers = vec![(b"a".to_vec(), Some(b"1".to_vec())), (b"a".to_vec(), None), (b"".to_vec(), Some(Vec::new()))];
        encoder.push("invoices", Some(b"k"), None, &headers);
        encoder.push("t", None, Some(b""), &[]);
        let Encoded { events, bytes } = encoder.done();
        let spans = spans(&bytes).unwrap();
        assert_eq!((events, spans.len()), (2, 2));
        let event = |index: usize| decode(&bytes[spans[index].start as usize..spans[index].end as usize]).unwrap();
        let first = event(0);
        assert_eq!((first.topic, first.key, first.value), ("invoices", Some(&b"k"[..]), None));
        let found: Vec<HeaderBytes> = first.headers().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect();
        assert_eq!(found, headers);
        assert_eq!((event(1).key, event(1).value, event(1).headers().count()), (None, Some(&b""[..]), 0));
    }

    proptest! {
        #[test]
        fn no_bytes_are_read_beyond_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for span in spans(&bytes).unwrap_or_default() {
                let decoded = decode(&bytes[span.start as usize..span.end as usize]).unwrap();
                prop_assert!(decoded.headers().count() <= bytes.len());
            }
        }
    }
}
