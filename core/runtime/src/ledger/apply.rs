//! One stored record of the ledger, put into a fold.

use onceward_engine::Offset;
use onceward_engine::ledger::{Applied, Fold, KeyDigest};

use super::key::Key;
use super::value::{Unreadable, decode};

/// What a stored record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The fold took it, or found that it does not count.
    Applied(Applied),
    /// It takes an earlier record out of the ledger.
    Removed,
}

/// Puts the record at an offset into the fold of its partition; a null value is a tombstone.
///
/// # Errors
/// Why it can't be read; the fold is as before. After [`Unreadable::Newer`] the fold must not be relied on: it lacks what counts.
pub fn put(fold: &mut Fold, at: Offset, key: &[u8], value: Option<&[u8]>) -> Result<Put, Unreadable> {
    if let Some(value) = value {
        let (_, record) = decode(key, value)?;
        return Ok(Put::Applied(fold.apply(at, &record)));
    }
    let key = std::str::from_utf8(key).ok().and_then(Key::parse).ok_or(Unreadable::Foreign)?;
    // A letter is cleaned record by record, the settled one last: that one takes it out.
    if let Some(gone) = key.removed() {
        fold.remove(&gone);
    }
    Ok(Put::Removed)
}

/// What tells order keys apart in the ledger.
#[must_use]
pub fn key_digest(key: &[u8]) -> KeyDigest {
    KeyDigest(crate::kafka::key_hash(key).0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

    use super::*;

    #[test]
    fn the_digest_is_the_beginning_of_the_hash() {
        assert_eq!(format!("{:032x}", key_digest(b"c1").0), blake3::hash(b"c1").to_hex()[..32]);
    }

    #[test]
    fn a_letter_that_is_being_cleaned_never_opens_again() {
        let mut fold = Fold::new();
        let value = br#"{"v":1,"key":null,"letter":3,"reason":"exhausted","fingerprint":"5f3a","time":7}"#;
        put(&mut fold, Offset(0), b"letter/17/0/open-0", Some(value)).unwrap();
        put(&mut fold, Offset(1), b"letter/17/0/discarded-0", Some(value)).unwrap();
        assert_eq!(put(&mut fold, Offset(2), b"letter/17/0/open-0", None), Ok(Put::Removed));
        assert!(fold.letter_of(Offset(17)).is_some(), "its last word stands until it is removed itself");
        put(&mut fold, Offset(3), b"letter/17/0/discarded-0", None).unwrap();
        assert!(fold.letter_of(Offset(17)).is_none());
        assert_eq!(put(&mut fold, Offset(4), b"other", None), Err(Unreadable::Foreign));
    }
}
