//! Marks of other processes: told to the driver's side for its filter, and kept here until it surely knew them.
//!
//! A member that is idle for an hour beside a busy one meets millions of marks at once, so nothing here grows with their number: they
//! are read, told and kept in pieces, and what does not fit any more is looked up in the file instead.

use std::collections::VecDeque;

use onceward_engine::Digest;

use super::entry::Entry;
use super::finder::Newcomers;
use super::shared::{News, Shared};
use crate::inbox::InboxFact;
use crate::inbox::recent::IdMap;

/// Ids of one piece of news: a few milliseconds of work for the driver.
const PIECE: usize = 65_536;

/// Whether another process marked an id after a mark of ours was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It did.
    Marked(Digest),
    /// It did not.
    No,
    /// Only the file can tell.
    Unsure,
}

/// Marks of other processes that the driver's side may not have known when it queued its own, by the stamp of their news.
pub(super) struct Foreign {
    pieces: VecDeque<(u64, IdMap<Digest>)>,
    ids: usize,
    most: usize,
    /// Of the news up to this stamp some are not here any more.
    unsure: u64,
}

impl Foreign {
    /// Keeps no more than so many ids.
    pub(super) fn new(most: usize) -> Self {
        Self { pieces: VecDeque::new(), ids: 0, most, unsure: 0 }
    }

    /// Keeps the marks of one piece of news. The oldest go first: the driver's side is the most likely to have taken them in.
    fn push(&mut self, stamp: u64, marks: IdMap<Digest>) {
        self.ids = self.ids.saturating_add(marks.len());
        self.pieces.push_back((stamp, marks));
        while self.ids > self.most
            && let Some(stamp) = self.drop_oldest()
        {
            self.unsure = stamp;
        }
    }

    /// Marks that are queued from now on know the news up to this stamp.
    pub(super) fn forget(&mut self, stamp: u64) {
        while self.pieces.front().is_some_and(|piece| piece.0 <= stamp) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) -> Option<u64> {
        let (stamp, marks) = self.pieces.pop_front()?;
        self.ids = self.ids.saturating_sub(marks.len());
        Some(stamp)
    }

    /// What is known of an id whose mark was queued with the news up to this stamp.
    pub(super) fn find(&self, id: u128, stamp: u64) -> Known {
        if stamp < self.unsure {
            return Known::Unsure;
        }
        let later = self.pieces.iter().rev().take_while(|piece| piece.0 > stamp);
        later.filter_map(|piece| piece.1.get(&id)).next().map_or(Known::No, |&digest| Known::Marked(digest))
    }
}

/// Takes in what a refresh meets.
pub(super) struct Arriving<'a> {
    shared: &'a Shared,
    foreign: &'a mut Foreign,
    bucket: i64,
    marks: IdMap<Digest>,
}

impl<'a> Arriving<'a> {
    pub(super) fn new(shared: &'a Shared, foreign: &'a mut Foreign) -> Self {
        Self { shared, foreign, bucket: 0, marks: IdMap::default() }
    }

    /// Hands over what was met since the last time.
    pub(super) fn hand_over(&mut self) {
        if self.marks.is_empty() {
            return;
        }
        let marks = std::mem::take(&mut self.marks);
        let full = marks.len() >= PIECE;
        let stamp = self.shared.tell(News::Marked { bucket: self.bucket, ids: marks.keys().copied().collect() });
        self.foreign.push(stamp, marks);
        if full {
            // An idle driver would not look before everything is read.
            self.shared.say(InboxFact::News);
        }
    }
}

impl Newcomers for Arriving<'_> {
    fn expect(&mut self, _bucket: i64, _count: u64) {}

    fn meet(&mut self, bucket: i64, (id, digest): Entry) {
        if bucket != self.bucket || self.marks.len() >= PIECE {
            self.hand_over();
            self.bucket = bucket;
        }
        self.marks.insert(id, digest);
    }
}

#[cfg(test)]
mod tests {
    use onceward_engine::Digest;

    use super::{Foreign, IdMap, Known};

    fn marks(ids: std::ops::Range<u128>) -> IdMap<Digest> {
        ids.map(|id| (id, Digest(7))).collect()
    }

    #[test]
    fn what_does_not_fit_is_asked_of_the_file_and_nothing_else_is() {
        let mut foreign = Foreign::new(100);
        foreign.push(1, marks(0..60));
        assert_eq!((foreign.find(5, 0), foreign.find(70, 0), foreign.find(5, 1)), (Known::Marked(Digest(7)), Known::No, Known::No));
        foreign.push(2, marks(60..120));
        assert!(foreign.ids <= 100);
        assert_eq!((foreign.find(5, 0), foreign.find(70, 0)), (Known::Unsure, Known::Unsure));
        assert_eq!((foreign.find(70, 1), foreign.find(5, 1)), (Known::Marked(Digest(7)), Known::No));
        // A piece larger than all the room there is.
        foreign.push(3, marks(120..300));
        assert_eq!((foreign.ids, foreign.find(130, 2), foreign.find(130, 3)), (0, Known::Unsure, Known::No));
        foreign.push(4, marks(300..310));
        foreign.forget(4);
        assert_eq!((foreign.ids, foreign.pieces.len()), (0, 0));
    }
}
