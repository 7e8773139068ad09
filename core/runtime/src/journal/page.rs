//! What stands where in a journal's file.
//!
//! One line of 64 bytes for the head, then a line for each handler that may run, then a line for each suspect. A line is written by one
//! thread, its first word last: what has no first word is nothing.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use onceward_engine::EventHash;

use super::map::Map;
use super::name::Name;

/// Words per line: a cache line each, so that handlers on different cores do not wait for each other.
const LINE: usize = 8;

/// The format. Another one is not read: what it holds is lost, which costs a restart's knowledge and nothing else.
const MAGIC: u64 = u64::from_le_bytes(*b"onceway1");

/// Lines of a file may not exceed this, so that a damaged head does not cost memory.
const MOST: u64 = 1 << 20;

const USED: u64 = 1;
const HAS_ID: u64 = 2;
const ALONE: u64 = 4;

/// A line: an event, and a number that means something else for handlers and for suspects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Name,
    /// Nothing else was started beside it.
    pub(super) alone: bool,
    /// Of a running one: when it began, counted in events that began alone. Of a suspect: charges.
    pub(super) number: u64,
    /// Of a suspect: since when, in seconds since 1970.
    pub(super) since: u64,
}

/// What a file says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) boot: [u64; 2],
    /// Whether its process still ran, as far as the file knows.
    pub(super) open: bool,
    /// So many handlers and so many suspects.
    pub(super) slots: usize,
}

/// A mapped file.
#[derive(Debug)]
pub(super) struct Page {
    map: Map,
    slots: usize,
}

/// A file that somebody else may be writing, or nobody any more.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) head: Head,
    pub(super) running: Vec<Line>,
    /// With their slots.
    pub(super) suspects: Vec<(usize, Line)>,
}

fn words(slots: usize) -> usize {
    LINE * (1 + 2 * slots)
}

/// Fills a file: no event, so many slots.
pub(super) fn make(file: &mut File, head: Head) -> io::Result<Page> {
    let mut bytes = vec![0; words(head.slots) * size_of::<u64>()];
    for (at, word) in [MAGIC, head.boot[0], head.boot[1], u64::from(head.open), head.slots as u64].into_iter().enumerate() {
        bytes[at * 8..at * 8 + 8].copy_from_slice(&word.to_ne_bytes());
    }
    file.rewind()?;
    // Written in full, not just made that long: a mapped page without a block on disk kills whoever stores to it when the disk is full.
    file.write_all(&bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_data()?;
    Ok(Page { map: Map::new(file, words(head.slots))?, slots: head.slots })
}

/// Reads a file without changing it; `None` when it is no journal.
pub(super) fn read(file: &mut File) -> io::Result<Option<Copy>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(words(usize::try_from(MOST).unwrap_or(0)) as u64 * 8).read_to_end(&mut bytes)?;
    let words: Vec<u64> = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default())).collect();
    let Some(&[magic, first, second, open, slots, ..]) = words.get(..LINE) else { return Ok(None) };
    if magic != MAGIC || slots > MOST {
        return Ok(None);
    }
    let slots = usize::try_from(slots).unwrap_or(0);
    let lines: Vec<Option<Line>> = words[LINE..].chunks_exact(LINE).map(|line| decode(line.try_into().unwrap_or_default())).collect();
    let (running, suspects) = lines.split_at(slots.min(lines.len()));
    let suspects = suspects.iter().enumerate().filter_map(|(slot, line)| Some((slot, (*line)?))).collect();
    let running = running.iter().flatten().copied().collect();
    Ok(Some(Copy { head: Head { boot: [first, second], open: open != 0, slots }, running, suspects }))
}

fn decode(line: [u64; LINE]) -> Option<Line> {
    let [flags, topic, partition, offset, low, high, number, since] = line;
    let id = (flags & HAS_ID != 0).then_some(EventHash(u128::from(low) | u128::from(high) << 64));
    let name = Name { topic, partition: i32::try_from(partition).ok()?, offset: offset.cast_signed(), id };
    (flags & USED != 0).then_some(Line { name, alone: flags & ALONE != 0, number, since })
}

impl Page {
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Says that the process ends as it should, or that it runs.
    pub(super) fn say_open(&self, open: bool) {
        self.map.words()[3].store(u64::from(open), Ordering::Release);
    }

    pub(super) fn running(&self, slot: usize) -> &[AtomicU64] {
        self.line(1 + slot)
    }

    pub(super) fn suspect(&self, slot: usize) -> &[AtomicU64] {
        self.line(1 + self.slots + slot)
    }

    fn line(&self, at: usize) -> &[AtomicU64] {
        &self.map.words()[LINE * at..LINE * (at + 1)]
    }
}

/// Writes a line. Each store is in the kernel's hands as soon as it is made; the order is what a death in between must find.
#[inline]
pub(super) fn write(line: &[AtomicU64], what: &Line) {
    let name = &what.name;
    let id = name.id.unwrap_or(EventHash(0)).0;
    line[0].store(0, Ordering::Release);
    line[1].store(name.topic, Ordering::Release);
    line[2].store(u64::from(name.partition.cast_unsigned()), Ordering::Release);
    line[3].store(name.offset.cast_unsigned(), Ordering::Release);
    line[4].store(id as u64, Ordering::Release);
    line[5].store((id >> 64) as u64, Ordering::Release);
    line[6].store(what.number, Ordering::Release);
    line[7].store(what.since, Ordering::Release);
    let flags = USED | if name.id.is_some() { HAS_ID } else { 0 } | if what.alone { ALONE } else { 0 };
    line[0].store(flags, Ordering::Release);
}

#[inline]
pub(super) fn clear(line: &[AtomicU64]) {
    line[0].store(0, Ordering::Release);
}

/// The bytes of a suspect's line in a file, to be cleared there.
pub(super) fn suspect_at(slots: usize, slot: usize) -> u64 {
    ((1 + slots + slot) * LINE * size_of::<u64>()) as u64
}
