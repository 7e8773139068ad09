//! Rows that the relay was given, and their events by number.

use std::collections::VecDeque;
use std::ops::Range;

use super::codec::{Decoded, decode, spans};
use super::outlet::{Finished, Rest};

/// A row under way.
pub(super) struct Going {
    id: i64,
    /// The number of its first event; the others follow.
    first: u64,
    bytes: Vec<u8>,
    spans: Vec<Range<u32>>,
    done: Vec<bool>,
    /// Events not acknowledged.
    open: u32,
    /// How many of them are held back.
    held: u32,
    /// How many were open when the file was told last.
    told: Option<u32>,
    why: String,
}

/// All rows under way. Events are numbered in the order in which they are to be sent.
#[derive(Default)]
pub(super) struct Rows {
    rows: VecDeque<Going>,
    next: u64,
}

impl Rows {
    /// Takes a row in; answers the numbers of its events. `None`: it holds no events that can be read.
    pub(super) fn push(&mut self, id: i64, bytes: Vec<u8>) -> Option<Range<u64>> {
        let spans = spans(&bytes)?;
        let first = self.next;
        let open = u32::try_from(spans.len()).ok()?;
        self.next = first + u64::from(open);
        let done = vec![false; spans.len()];
        self.rows.push_back(Going { id, first, bytes, spans, done, open, held: 0, told: None, why: String::new() });
        Some(first..self.next)
    }

    fn place(&self, number: u64) -> Option<(usize, usize)> {
        let row = self.rows.partition_point(|row| row.first <= number).checked_sub(1)?;
        let going = self.rows.get(row)?;
        let index = usize::try_from(number - going.first).ok()?;
        (index < going.spans.len() && !going.done[index]).then_some((row, index))
    }

    /// An event that is not acknowledged.
    pub(super) fn event(&self, number: u64) -> Option<Decoded<'_>> {
        let (row, index) = self.place(number)?;
        let row = &self.rows[row];
        decode(row.bytes.get(slice(&row.spans[index]))?)
    }

    /// The broker has it. Whether that was news.
    pub(super) fn acknowledged(&mut self, number: u64) -> bool {
        let Some((row, index)) = self.place(number) else { return false };
        let row = &mut self.rows[row];
        row.done[index] = true;
        row.open -= 1;
        true
    }

    /// An event is held back, for this reason, or goes on (`None`).
    pub(super) fn hold(&mut self, number: u64, why: Option<&str>) {
        let Some((row, _)) = self.place(number) else { return };
        let row = &mut self.rows[row];
        match why {
            Some(why) => {
                row.held += 1;
                why.clone_into(&mut row.why);
            }
            None => row.held = row.held.saturating_sub(1),
        }
    }

    /// Another reason for an event that is held back.
    pub(super) fn rename(&mut self, number: u64, why: &str) {
        if let Some((row, _)) = self.place(number) {
            let row = &mut self.rows[row];
            if row.why != why {
                why.clone_into(&mut row.why);
                row.told = None;
            }
        }
    }

    /// Numbers of events that are not acknowledged, in order.
    pub(super) fn open(&self) -> impl Iterator<Item = u64> + '_ {
        self.rows.iter().flat_map(|row| {
            let open = row.done.iter().enumerate().filter(|(_, done)| !**done);
            open.map(|(index, _)| row.first + index as u64)
        })
    }

    /// What may be told to the file about the row of an event, and how many bytes of memory that frees.
    pub(super) fn report(&mut self, number: u64) -> Option<(Finished, u64)> {
        let index = self.rows.partition_point(|row| row.first <= number).checked_sub(1)?;
        let row = self.rows.get_mut(index)?;
        if row.open == 0 {
            let (id, freed) = (row.id, row.bytes.len() as u64);
            self.rows.remove(index);
            return Some((Finished { id, rest: None }, freed));
        }
        if row.held < row.open || row.told == Some(row.open) {
            return None;
        }
        row.left().map(|rest| (Finished { id: row.id, rest: Some(rest) }, 0))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Going {
    /// Everything that is left is held back: the file keeps just that, so that a restart does not send the rest again.
    fn left(&mut self) -> Option<Rest> {
        let mut bytes = Vec::new();
        for (span, _) in self.spans.iter().zip(&self.done).filter(|(_, done)| !**done) {
            bytes.extend_from_slice(&(span.end - span.start).to_le_bytes());
            bytes.extend_from_slice(self.bytes.get(slice(span))?);
        }
        self.told = Some(self.open);
        Some(Rest { events: self.open, bytes, why: self.why.clone() })
    }
}

fn slice(span: &Range<u32>) -> Range<usize> {
    span.start as usize..span.end as usize
}
