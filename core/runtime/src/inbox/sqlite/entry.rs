//! How marks lie in a blob: 20 bytes each, sorted by id. The id is big-endian, so that bytes sort as ids do.

use onceward_engine::Digest;
use rusqlite::Connection;

/// Bytes of one mark.
pub(super) const WIDTH: usize = 20;

/// Marks per chunk on average. With 20 bytes each, two and a half standard deviations still fit into one page of 4 KiB.
const PER_CHUNK: u64 = 170;

/// One mark.
pub(super) type Entry = (u128, Digest);

/// The bytes of sorted marks, in place of what a buffer held.
pub(super) fn encode(bytes: &mut Vec<u8>, entries: &[Entry]) {
    bytes.clear();
    bytes.resize(entries.len().saturating_mul(WIDTH), 0);
    for ((id, digest), place) in entries.iter().zip(bytes.as_chunks_mut::<WIDTH>().0) {
        let (front, back) = place.split_at_mut(16);
        front.copy_from_slice(&id.to_be_bytes());
        back.copy_from_slice(&digest.0.to_be_bytes());
    }
}

/// The marks from an id up to another, of sorted ones.
pub(super) fn part(bytes: &[u8], from: u128, until: Option<u128>) -> &[[u8; WIDTH]] {
    let marks = bytes.as_chunks::<WIDTH>().0;
    let start = marks.partition_point(|entry| decode(entry).0 < from);
    let end = until.map_or(marks.len(), |until| marks.partition_point(|entry| decode(entry).0 < until));
    marks.get(start..end).unwrap_or_default()
}

/// Moves the marks below an id from the start of a sorted run to the end of a list; all of them if there is no such id.
pub(super) fn take_until(run: &mut &[[u8; WIDTH]], end: Option<u128>, marks: &mut Vec<Entry>) {
    while let Some((first, rest)) = run.split_first() {
        let mark = decode(first);
        if end.is_some_and(|end| mark.0 >= end) {
            return;
        }
        marks.push(mark);
        *run = rest;
    }
}

/// The marks in a blob; a torn tail is left out.
pub(super) fn entries(bytes: &[u8]) -> impl DoubleEndedIterator<Item = Entry> + ExactSizeIterator + '_ {
    bytes.as_chunks::<WIDTH>().0.iter().map(decode)
}

fn decode(entry: &[u8; WIDTH]) -> Entry {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, digest @ ..] = *entry;
    (u128::from_be_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]), Digest(u32::from_be_bytes(digest)))
}

/// The digest stored with an id, if it is in the blob.
pub(super) fn find(bytes: &[u8], id: u128) -> Option<Digest> {
    let marks = bytes.as_chunks::<WIDTH>().0;
    let found = marks.binary_search_by_key(&id, |entry| decode(entry).0).ok()?;
    marks.get(found).map(|entry| decode(entry).1)
}

/// How many chunks that many marks are cut into.
pub(super) fn chunks_for(count: u64) -> i64 {
    i64::try_from(count.div_ceil(PER_CHUNK)).unwrap_or(i64::MAX).max(1)
}

/// Which of so many chunks an id lies in: ids are uniform hashes, so their high bits say it without a search.
pub(super) fn chunk_of(id: u128, chunks: i64) -> i64 {
    let high = u128::from((id >> 64) as u64);
    i64::try_from((high * u128::from(chunks.unsigned_abs())) >> 64).unwrap_or(0)
}

/// The smallest id of a chunk; for the number of chunks itself, `None`: there is no such id.
pub(super) fn chunk_start(chunk: i64, chunks: i64) -> Option<u128> {
    if chunk >= chunks {
        return None;
    }
    let high = (u128::from(chunk.unsigned_abs()) << 64).div_ceil(u128::from(chunks.unsigned_abs()));
    Some(high << 64)
}

/// Sorted marks, cut into chunks; chunks without marks are left out.
pub(super) fn cut(entries: &[Entry], chunks: i64) -> impl Iterator<Item = (i64, &[Entry])> {
    entries.chunk_by(move |(left, _), (right, _)| chunk_of(*left, chunks) == chunk_of(*right, chunks)).filter_map(move |marks| {
        let (first, _) = marks.first()?;
        Some((chunk_of(*first, chunks), marks))
    })
}

/// Writes sorted marks as chunks of a segment.
pub(super) fn write_chunks(conn: &Connection, segment: i64, chunks: i64, marks: &[Entry]) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO onceward_chunk VALUES (?1, ?2)")?;
    let mut bytes = Vec::new();
    for (chunk, part) in cut(marks, chunks) {
        encode(&mut bytes, part);
        insert.execute((segment.saturating_add(1).saturating_add(chunk), &bytes))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use onceward_engine::Digest;
    use proptest::prelude::*;

    use super::{chunk_of, chunk_start, cut, encode, entries, find};

    proptest! {
        #[test]
        fn every_mark_is_found_in_its_chunk(ids in proptest::collection::btree_set(any::<u128>(), 1..400), chunks in 1_i64..20) {
            let marks: Vec<_> = ids.iter().map(|&id| (id, Digest(id as u32))).collect();
            let mut met = 0;
            for (chunk, part) in cut(&marks, chunks) {
                let mut blob = vec![1, 2, 3];
                encode(&mut blob, part);
                prop_assert_eq!(entries(&blob).collect::<Vec<_>>(), part.to_vec());
                for &(id, digest) in part {
                    prop_assert_eq!(chunk_of(id, chunks), chunk);
                    prop_assert_eq!(find(&blob, id), Some(digest));
                    met += 1;
                }
            }
            prop_assert_eq!(met, marks.len());
        }

        #[test]
        fn a_chunk_starts_where_the_one_before_ends(chunk in 0_i64..1_000, chunks in 1_i64..1_000) {
            prop_assume!(chunk < chunks);
            let start = chunk_start(chunk, chunks).unwrap();
            prop_assert_eq!(chunk_of(start, chunks), chunk);
            if let Some(before) = start.checked_sub(1) {
                prop_assert_eq!(chunk_of(before, chunks), chunk - 1);
            }
            prop_assert_eq!(chunk_start(chunks, chunks), None);
        }
    }
}
